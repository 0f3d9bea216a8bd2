import { writeLink } from '../session/link.ts';
import type { NewShare } from './shares.ts';
import { formatView, type View } from './view.ts';

/**
 * The link that a guest is given: behind its `#`, which browsers send to no server, the share's token and where to look. It
 * goes along with a driver; a circle is drawn, and framed for whatever screen it is opened on.
 *
 * @param root where the pages are
 */
export function guestLink(root: URL, share: NewShare, at: View | undefined, area: string | undefined): string {
  const fields = {
    token: share.token,
    at: at && formatView(at),
    driver: share.driverId,
    area,
  };
  return new URL(writeLink(fields), root).href;
}
