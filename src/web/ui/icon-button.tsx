import type { ButtonHTMLAttributes } from 'preact';
import { Icon, type IconName } from './icon.tsx';

interface IconButtonProps extends Omit<ButtonHTMLAttributes, 'icon' | 'label' | 'size'> {
  readonly icon: IconName;
  /** For whoever hears it, and while a pointer rests on it. */
  readonly label: string;
  readonly size?: number;
}

/** A button that is a drawing alone. */
export function IconButton({ icon, label, size, ...more }: IconButtonProps) {
  return (
    <button type="button" class="button plain icon" aria-label={label} title={label} {...more}>
      <Icon name={icon} size={size} />
    </button>
  );
}
