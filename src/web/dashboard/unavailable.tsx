import { GPUInitializationError } from 'maplibre-gl';

/** In place of the dashboard, where it cannot be: what the reader may do about it. */
export function Unavailable({ error }: { error: Error }) {
  const isGraphics = error instanceof GPUInitializationError;
  return (
    <section class="unavailable card" role="alert">
      <h1>{isGraphics ? 'This browser cannot draw the map' : 'The dashboard did not start'}</h1>
      {isGraphics ? (
        <p>
          It takes WebGL 2, which is switched off here or missing. Turn on “graphics acceleration” in the browser’s
          settings, or open the link in another browser.
        </p>
      ) : (
        <p>{error.message}</p>
      )}
      <div class="unavailable-actions">
        <button type="button" class="button primary" onClick={() => location.reload()}>
          Try again
        </button>
        {/* Looks where this page was to look. */}
        <a class="button" href={`./rider${location.hash}`}>
          Who is near, without a map
        </a>
      </div>
    </section>
  );
}
