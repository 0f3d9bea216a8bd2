import { render } from 'preact';
import '../ui/theme.css';
import 'maplibre-gl/dist/maplibre-gl.css';
import './dashboard.css';
import { App } from './app.tsx';

render(<App />, document.getElementById('root') as HTMLElement);
