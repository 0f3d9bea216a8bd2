import { computed, signal } from '@preact/signals';
import { render } from 'preact';
import '../ui/theme.css';
import '../phone/phone.css';
import './rider.css';
import { Session } from '../session/session.ts';
import { Nearest } from './nearest.ts';
import { firstRadius } from './radius.ts';
import { RiderPage } from './rider-page.tsx';
import { Whereabouts } from './whereabouts.ts';

const session = new Session();
const whereabouts = new Whereabouts();
const radius = signal(firstRadius);
const onlyAvailable = signal(false);
const question = computed(() => {
  const centre = whereabouts.centre.value;
  if (centre === undefined) return undefined;
  return {
    circle: { ...centre, radius: radius.value },
    where: onlyAvailable.value ? { status: 'available' } : undefined,
  };
});
const nearest = new Nearest(session, whereabouts.here, question);
render(
  <RiderPage
    session={session}
    whereabouts={whereabouts}
    nearest={nearest}
    radius={radius}
    onlyAvailable={onlyAvailable}
  />,
  document.getElementById('root') as HTMLElement,
);
