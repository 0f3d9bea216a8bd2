/**
 * What is drawn over what, on every style: the base map with its labels, overlays, `BELOW_DRIVERS`, the drivers,
 * `ABOVE_DRIVERS`, texts of overlays. Both are layers that draw nothing: `map.addLayer(drivers, ABOVE_DRIVERS)`.
 */
export const BELOW_DRIVERS = 'nearcast-below-drivers';
export const ABOVE_DRIVERS = 'nearcast-above-drivers';
