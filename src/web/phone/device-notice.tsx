import type { Device, DeviceProblem } from './device.ts';

const TITLES: Record<DeviceProblem, string> = {
  insecure: 'No position over plain http',
  absent: 'No position here',
  denied: 'Your position is kept from this page',
  unavailable: 'No position now',
  timeout: 'Still looking for your position',
};

const WORDS: Record<DeviceProblem, () => string> = {
  insecure: () =>
    `Browsers tell a position to pages that came by https, or from this machine itself; this one came from ${location.origin}. Put the server behind https. To try it on Android: chrome://flags, “Insecure origins treated as secure”.`,
  absent: () => 'This browser has no Geolocation API.',
  denied: () =>
    'Allow “Location” in the settings of this site (beside the address), and on a phone for the browser in the system’s settings.',
  unavailable: () => 'The device knows no position: is location switched on, and is there a view of the sky?',
  timeout: () => 'The device takes its time; under an open sky it is quicker.',
};

/** Why the device tells no position, and what can be done. */
export function DeviceNotice({ device }: { device: Device }) {
  const problem = device.problem.value;
  if (problem === undefined) return null;
  return (
    <div class="notice warn" role="alert" data-problem={problem}>
      <strong>{TITLES[problem]}</strong>
      <p>{WORDS[problem]()}</p>
      {problem !== 'insecure' && problem !== 'absent' && (
        <button class="button" type="button" onClick={() => device.watch()}>
          Try again
        </button>
      )}
    </div>
  );
}
