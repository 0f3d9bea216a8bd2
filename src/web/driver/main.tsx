import { render } from 'preact';
import '../ui/theme.css';
import '../phone/phone.css';
import './driver.css';
import { Session } from '../session/session.ts';
import { readSettings } from '../session/settings.ts';
import { DriverPage } from './driver-page.tsx';
import { Duty } from './duty.ts';

const session = new Session();
const duty = new Duty(session, readSettings().driverTtlSeconds);
render(<DriverPage session={session} duty={duty} />, document.getElementById('root') as HTMLElement);
