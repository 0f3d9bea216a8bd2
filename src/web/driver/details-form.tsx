import type { Session } from '../session/session.ts';
import { type Details, details, sends, setDetails } from './details.ts';
import type { Duty } from './duty.ts';

/** Who drives, and what goes with each fix. */
export function DetailsForm({ session, duty }: { session: Session; duty: Duty }) {
  const { driverId, status, vehicle } = details.value;
  const whose = sends(session.claims.value);
  return (
    <section class="card" aria-label="About you">
      {whose === 'any' ? (
        <label>
          Driver
          <input
            class="field"
            value={driverId}
            maxLength={128}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            placeholder="driver-7"
            disabled={duty.phase.value !== 'off'}
            onInput={({ currentTarget }) => setDetails({ driverId: currentTarget.value.trim() })}
          />
          {driverId === '' && <small class="muted">This token may send for any driver: say for which.</small>}
        </label>
      ) : (
        duty.driverId.value !== undefined && (
          <p>
            <span class="muted">Driver</span> <strong>{duty.driverId.value}</strong>
          </p>
        )
      )}
      <label>
        Status
        <select
          class="field"
          value={status}
          onChange={({ currentTarget }) => setDetails({ status: currentTarget.value as Details['status'] })}
        >
          <option value="available">Available</option>
          <option value="busy">Busy</option>
        </select>
      </label>
      <label>
        Vehicle (if riders are to know it)
        <input
          class="field"
          value={vehicle}
          maxLength={64}
          onChange={({ currentTarget }) => setDetails({ vehicle: currentTarget.value.trim() })}
        />
      </label>
    </section>
  );
}
