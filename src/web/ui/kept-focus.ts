import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

/**
 * Keeps whoever goes by keys in an element when what they pressed is taken out of it: the focus would be nowhere, and the next key
 * would begin at the top of the page.
 */
export function useKeptFocus<Kept extends HTMLElement>(ref: RefObject<Kept | null>): void {
  // After each drawing, as the element comes and goes.
  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const { activeElement } = document;
    let focused = activeElement !== null && element.contains(activeElement) ? activeElement : undefined;
    const onFocus = ({ target }: FocusEvent) => {
      focused = target as Element;
    };
    const observer = new MutationObserver(() => {
      if (focused === undefined || focused.isConnected) return;
      focused = undefined;
      if (document.activeElement !== document.body) return;
      const next =
        element.tabIndex === -1 && element.hasAttribute('tabindex') ? element : element.querySelector('button');
      next?.focus({ preventScroll: true });
    });
    element.addEventListener('focusin', onFocus);
    observer.observe(element, { childList: true, subtree: true });
    return () => {
      element.removeEventListener('focusin', onFocus);
      observer.disconnect();
    };
  });
}
