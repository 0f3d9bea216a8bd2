import type { ComponentType } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { IconButton } from '../ui/icon-button.tsx';
import { useKeptFocus } from '../ui/kept-focus.ts';
import { AreaTool } from './area-tool.tsx';
import type { Dashboard, ToolName } from './dashboard.ts';
import { NearestTool } from './nearest-tool.tsx';
import { ReplayTool } from './replay-tool.tsx';
import { ShareTool } from './share-tool.tsx';

const TOOLS: Record<ToolName, { title: string; Tool: ComponentType<{ dashboard: Dashboard }> }> = {
  area: { title: 'Area', Tool: AreaTool },
  nearest: { title: 'Nearest', Tool: NearestTool },
  share: { title: 'Share', Tool: ShareTool },
  replay: { title: 'Replay', Tool: ReplayTool },
};

/** The tool that is open. */
export function ToolPanel({ dashboard }: { dashboard: Dashboard }) {
  const name = dashboard.tool.value;
  const panel = useRef<HTMLElement>(null);
  // At once: later it would take the focus from what was gone on to meanwhile.
  useLayoutEffect(() => {
    // Whoever goes by keys is in the panel next; nothing there is pressed by a key that is still down.
    if (name !== undefined) panel.current?.focus({ preventScroll: true });
  }, [name]);
  useKeptFocus(panel);
  const open = name === undefined ? undefined : TOOLS[name];
  if (open === undefined) return null;
  const { title, Tool } = open;
  return (
    <section ref={panel} class="tool card" aria-label={title} tabIndex={-1}>
      <header>
        <h2>{title}</h2>
        <IconButton icon="close" label="Close" size={18} onClick={() => closeTool(dashboard)} />
      </header>
      <div class="tool-body">
        <Tool key={name} dashboard={dashboard} />
      </div>
    </section>
  );
}

/** Closes the tool that is open; the focus goes back to the button that opens it. */
export function closeTool(dashboard: Dashboard): void {
  const button = document.querySelector<HTMLElement>(`.toolbar [data-tool=${dashboard.tool.peek()}]`);
  dashboard.tool.value = undefined;
  button?.focus();
}
