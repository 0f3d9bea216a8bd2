const DAY = 86_400;

/** A distance for people: `85 m`, `1.2 km`, `340 km`. */
export function formatDistance(metres: number): string {
  if (metres < 1000) return `${Math.round(metres)} m`;
  const kilometres = metres / 1000;
  return `${kilometres < 10 ? kilometres.toFixed(1) : Math.round(kilometres).toLocaleString('en-US')} km`;
}

/** How long ago, or how long: `0.4 s`, `12 s`, `3 min`, `2 h 5 min`, `3 d`. Below zero, as of a clock that is ahead, it is 0. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds / 1000);
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (seconds < DAY) {
    const rest = minutes % 60;
    return `${Math.floor(minutes / 60)} h${rest === 0 ? '' : ` ${rest} min`}`;
  }
  return `${Math.floor(seconds / DAY)} d`;
}

/** A speed for people, of metres a second: `34 km/h`. */
export function formatSpeed(metresPerSecond: number): string {
  return `${Math.round(metresPerSecond * 3.6)} km/h`;
}

const POINTS = ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'];

/** A heading for people, of degrees from true north: `119° SE`. */
export function formatHeading(degrees: number): string {
  return `${Math.round(degrees) % 360}° ${POINTS[Math.round(degrees / 45) % 8]}`;
}

/** A time of day with its seconds, where the reader is. */
export function formatTime(timestamp: number): string {
  return new Date(timestamp).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

/** A day and a time of day, where the reader is. */
export function formatDate(timestamp: number): string {
  return new Date(timestamp).toLocaleString([], {
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
}

/** A whole number with its thousands apart. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}
