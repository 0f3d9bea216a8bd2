import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';

interface DialogProps {
  readonly title: string;
  /** Asked for by Escape; absent: there is no way out but through it. */
  readonly onClose?: () => void;
  readonly children: ComponentChildren;
}

/** A dialog above the page, which keeps the focus until it is gone. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    // Only one that is closed gives the focus back to where it was.
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      class="card dialog"
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      onClose={({ currentTarget }) => {
        // Asked by Escape again and again, browsers close it whatever is said.
        if (!currentTarget.isConnected) return;
        if (onClose === undefined) currentTarget.showModal();
        else onClose();
      }}
    >
      <h2 id={heading}>{title}</h2>
      {children}
    </dialog>
  );
}
