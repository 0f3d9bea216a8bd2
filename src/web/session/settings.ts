/** What the server tells its pages, in their HTML. */
export interface PageSettings {
  readonly version: string;
  /** Where the style of the base map is, for each theme; null: there is the bundled background alone. */
  readonly mapStyle: { readonly light: string; readonly dark: string } | null;
  readonly maxRadiusMeters: number;
  readonly driverTtlSeconds: number;
  /** 0: no history is kept, so there are neither trails nor replays. */
  readonly historyRetentionDays: number;
}

/** What holds where no server has filled them in, as under Vite’s own. */
const DEFAULTS: PageSettings = {
  version: 'development',
  mapStyle: null,
  maxRadiusMeters: 100_000,
  driverTtlSeconds: 300,
  historyRetentionDays: 7,
};

/** The settings of this page, from `<meta name="nearcast">`. */
export function readSettings(page: Document = document): PageSettings {
  const content = page.querySelector<HTMLMetaElement>('meta[name=nearcast]')?.content;
  return content ? { ...DEFAULTS, ...JSON.parse(content) } : DEFAULTS;
}
