/** What a page may do, by directive; each a list of sources. */
type Directives = Readonly<Record<string, readonly string[]>>;

/**
 * What every page may do: load its own scripts, styles and pictures (a few of which are in its style sheet), and call this
 * server. Nothing else is loaded, called, framed, framed by, or sent to; and no script or style that got into the page
 * itself is run. A browser passes `upgrade-insecure-requests` over on no host but localhost, so that it would break plain HTTP.
 */
const PAGE_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
} satisfies Directives;

/**
 * What Helmet is told of pages.
 *
 * @param more sources that these pages have besides, by directive
 */
export function pageHeaders(more: Directives = {}) {
  const directives: Record<string, string[]> = { ...PAGE_POLICY };
  for (const [name, sources] of Object.entries(more)) directives[name] = [...(directives[name] ?? []), ...sources];
  return {
    contentSecurityPolicy: { useDefaults: false, directives },
    // For whoever ends TLS to say, of what names it knows.
    strictTransportSecurity: false,
  };
}
