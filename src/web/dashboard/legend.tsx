import { useRef } from 'preact/hooks';
import { formatCount } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import { useKeptFocus } from '../ui/kept-focus.ts';
import type { Dashboard } from './dashboard.ts';
import type { Facet } from './facets.ts';
import { chosenOf } from './facets.ts';
import { Swatch } from './swatch.tsx';
import { toggled } from './where.ts';

/** What the colours mean, and at the same time the filters: whoever has one of the chosen values is shown. */
export function Legend({ dashboard }: { dashboard: Dashboard }) {
  const facets = dashboard.facets.facets.value;
  const where = dashboard.where.value;
  const coloured = dashboard.facets.colouredBy.value;
  const element = useRef<HTMLDivElement>(null);
  useKeptFocus(element);
  if (facets.length === 0 && Object.keys(where).length === 0) return null;
  const [first, ...others] = [...facets].sort((a, b) => Number(b.name === coloured) - Number(a.name === coloured));
  const chosen = others.filter(({ name }) => Object.hasOwn(where, name)).length;
  return (
    <div ref={element} class="legend">
      {first !== undefined && <Values dashboard={dashboard} facet={first} />}
      {facets.length > 0 && (
        <details>
          <summary>
            <Icon name="filter" size={16} /> More filters{chosen > 0 ? ` (${chosen})` : ''}
          </summary>
          {others.map((facet) => (
            <Values key={facet.name} dashboard={dashboard} facet={facet} />
          ))}
          <AnyFilter dashboard={dashboard} />
          <label class="colour-by">
            Colour by
            <select
              class="field"
              value={coloured}
              onChange={({ currentTarget }) => {
                dashboard.facets.colourBy(currentTarget.value);
                dashboard.recolour();
              }}
            >
              {facets.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        </details>
      )}
      {Object.keys(where).length > 0 && (
        <button type="button" class="button plain clear" onClick={() => dashboard.setWhere({})}>
          <Icon name="close" size={16} /> Show all
        </button>
      )}
    </div>
  );
}

function Values({ dashboard, facet }: { dashboard: Dashboard; facet: Facet }) {
  const where = dashboard.where.value;
  const chosen = chosenOf(where, facet.name);
  const isCounting = dashboard.counting.value;
  const isColoured = dashboard.facets.colouredBy.value === facet.name;
  return (
    <fieldset class="choices">
      <legend class="muted">{facet.name}</legend>
      {facet.values.map(({ value, count }) => (
        <button
          key={value}
          type="button"
          class="chip"
          aria-pressed={chosen.includes(value)}
          title={`Show ${facet.name} ${value} alone, or not`}
          onClick={() => dashboard.setWhere(toggled(where, facet.name, value))}
        >
          {isColoured && !isCounting && <Swatch index={dashboard.facets.colourIndex(value)} />}
          {value}
          {/* Cells say how many, not who. */}
          {!isCounting && <span class="muted number">{formatCount(count)}</span>}
        </button>
      ))}
    </fieldset>
  );
}

/** A filter by what has too many values to be listed, or has not been seen yet. */
function AnyFilter({ dashboard }: { dashboard: Dashboard }) {
  const add = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const name = String(fields.get('name')).trim();
    const value = String(fields.get('value')).trim();
    if (name === '' || value === '') return;
    const where = dashboard.where.value;
    const chosen = chosenOf(where, name);
    if (!chosen.includes(value)) dashboard.setWhere({ ...where, [name]: [...chosen, value] });
    form.reset();
  };
  return (
    <form class="any-filter" onSubmit={add}>
      <input class="field" name="name" aria-label="Attribute" placeholder="attribute" maxLength={64} required />
      <input class="field" name="value" aria-label="Its value" placeholder="value" maxLength={256} required />
      <button type="submit" class="button icon" aria-label="Add this filter" title="Add this filter">
        <Icon name="plus" size={18} />
      </button>
    </form>
  );
}
