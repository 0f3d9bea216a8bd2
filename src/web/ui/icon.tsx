/** Outlines on a field of 24 by 24, drawn with a line of 2. */
const PATHS = {
  search: 'M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14Zm5 12 4.5 4.5',
  close: 'm6 6 12 12M18 6 6 18',
  back: 'M15 5l-7 7 7 7',
  follow: 'M12 3v3m0 12v3M3 12h3m12 0h3M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8Z',
  circle: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16Z',
  polygon: 'M12 3.5 20 9l-3 10H7L4 9l8-5.5Z',
  nearest: 'M12 21s-6.5-5.6-6.5-11a6.5 6.5 0 0 1 13 0c0 5.4-6.5 11-6.5 11Zm0-13.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5Z',
  replay: 'M4 12a8 8 0 1 0 2.6-5.9M4 4v4h4m4 0v4.5l3 2',
  share:
    'M8.5 10.5 15.5 6.5M8.5 13.5l7 4M6 9.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5ZM18 3a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5Zm0 13a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5Z',
  light:
    'M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8Zm0-5.5v2m0 15v2m9.5-9.5h-2m-15 0h-2m16.2-6.7-1.4 1.4M6.7 17.3l-1.4 1.4m13.4 0-1.4-1.4M6.7 6.7 5.3 5.3',
  dark: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z',
  density:
    'M7 3.5 11 6v4.5L7 13l-4-2.5V6l4-2.5Zm10 0L21 6v4.5L17 13l-4-2.5V6l4-2.5ZM12 11.5l4 2.5v4.5L12 21l-4-2.5V14l4-2.5Z',
  filter: 'M4 6h16M7 12h10m-7 6h4',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  help: 'M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17Zm-2.3 6.2a2.3 2.3 0 1 1 3.3 2.1c-.7.4-1 .8-1 1.7m0 3h.01',
  play: 'M7 5v14l12-7L7 5Z',
  pause: 'M8 5v14m8-14v14',
  leave: 'M10 4H5v16h5m4-12 4 4-4 4m4-4H9',
  trail: 'M5 19c4 0 4-5 7-5s3-9 7-9M5 19h.01M19 5h.01',
} as const;

export type IconName = keyof typeof PATHS;

/** A drawing beside or instead of a word; whoever hears the page is told by the word alone. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
