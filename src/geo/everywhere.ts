import { INSIDE, OUTSIDE, type Region } from './region.ts';

/** The whole surface. */
export const EVERYWHERE: Region = {
  contains: () => true,
  side: () => INSIDE,
  identify(mark) {
    mark(0);
  },
};

/** No point at all. */
export const NOWHERE: Region = {
  contains: () => false,
  side: () => OUTSIDE,
  identify(mark) {
    mark(-1);
  },
};
