/** A driver of whom nothing was received for so long is greyed, milliseconds. */
export const SILENT_TIME = 60_000;
