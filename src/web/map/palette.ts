/**
 * The colours that tell drivers apart, the most unlike ones first. They were searched for so that any two, and each and
 * the grey of who is silent, stay apart for people who see red, green or blue less than others, and on light and dark
 * maps.
 */
export const PALETTE: readonly string[] = [
  '#1f6feb', // blue
  '#fb6a00', // orange
  '#10af5f', // green
  '#963863', // plum
  '#e3b70f', // gold
  '#2bcfb0', // teal
  '#c40b07', // red
  '#514cad', // indigo
];
