import { LONGEST_TURN } from './markers-glide.ts';
import { GHOST, HEADED } from './markers-pool.ts';

/** Colours that a palette may have. */
export const COLOURS = 16;

/** Drivers in a row of the texture that their words are in; each takes two texels. */
export const ROW = 512;

/** How much longer than the radius a marker is in the direction that it heads to. */
const TIP = '1.85';

/**
 * Draws a quad for every driver, where it is at this moment of its glide; see {@link MarkerPool} for the words.
 * They come by a texture, and not by instances of a quad: those cost as much as hundreds of pixels each where there is
 * no graphics card, and cards are not fond of instances of four corners either.
 * Lengths are in pixels of the device, `p` is in the marker's own frame: y is where it heads to.
 */
export const VERTEX_SHADER = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;

uniform usampler2D drivers;
uniform uvec2 middle;
uniform vec4 eastward;
uniform vec4 southward;
uniform vec4 origin;
uniform vec2 viewport;
uniform float bearing;
uniform int now;
uniform int hidden;
uniform float radius;
uniform float margin;
uniform vec2 silence;
uniform vec3 grey;
uniform vec3 palette[${COLOURS}];

out vec2 p;
flat out vec3 colour;
flat out float tip;
flat out float hollow;
flat out float quiet;

float ahead(int age, int duration) {
  if (age >= duration || age < -duration) return 0.0;
  return age <= 0 ? 1.0 : 1.0 - float(age) / float(duration);
}

void main() {
  int slot = gl_VertexID / 6;
  if (slot == hidden) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    return;
  }
  ivec2 at = ivec2(slot % ${ROW} * 2, slot / ${ROW});
  uvec4 place = texelFetch(drivers, at, 0);
  ivec4 state = ivec4(texelFetch(drivers, at + ivec2(1, 0), 0));
  int age = now - state.x;
  int duration = state.z & 0xffff;
  float left = ahead(age, duration);
  // By the shorter way round the world: unsigned differences wrap.
  float east = float(int(place.z - middle.x)) - left * float(int(place.z - place.x));
  float south = place.w >= middle.y ? float(place.w - middle.y) : -float(middle.y - place.w);
  south -= left * float(int(place.w - place.y));

  int flags = (state.z >> 24) & 0xff;
  bool isHeaded = (flags & ${HEADED}) != 0;
  float turned = 1.0 - ahead(age, min(duration, ${LONGEST_TURN}));
  float heading = isHeaded ? (float(state.w & 0xffff) + turned * float(state.w >> 16)) / 64.0 : 0.0;
  float turn = radians(heading - bearing);

  tip = isHeaded ? ${TIP} * radius : radius;
  // Two triangles: corners 0 1 2, 2 1 3.
  int nth = gl_VertexID % 6;
  int number = nth < 3 ? nth : nth == 3 ? 2 : nth == 4 ? 1 : 3;
  vec2 corner = vec2(number & 1, number >> 1) * 2.0 - 1.0;
  p = corner * (radius + margin);
  if (corner.y > 0.0) p.y = max(tip + margin, p.y);

  vec2 onScreen = vec2(p.x * cos(turn) + p.y * sin(turn), p.y * cos(turn) - p.x * sin(turn));
  gl_Position = eastward * east + southward * south + origin;
  gl_Position.xy += onScreen * 2.0 / viewport * gl_Position.w;

  bool isGhost = (flags & ${GHOST}) != 0;
  hollow = isGhost ? 1.0 : 0.0;
  quiet = isGhost ? 1.0 : clamp((float(now - state.y) - silence.x) / (silence.y - silence.x), 0.0, 1.0);
  colour = mix(palette[min((state.z >> 16) & 0xff, ${COLOURS - 1})], grey, quiet);
}
`;

/** A marker by its signed distance: fill, outline and a soft shadow, and a halo around the selected one. */
export const FRAGMENT_SHADER = `#version 300 es
precision highp float;

uniform float radius;
uniform float margin;
uniform float outline;
uniform vec3 edge;
uniform float shadow;
uniform vec4 halo;
uniform vec2 haloAt;

in vec2 p;
flat in vec3 colour;
flat in float tip;
flat in float hollow;
flat in float quiet;
out vec4 painted;

/** How far outside: a disc around the origin and, ahead, its tangents to a point that is rounded off. */
float outside(vec2 at) {
  float blunt = 0.12 * radius;
  float axis = tip - blunt;
  if (tip <= radius) return length(at) - radius;
  at.x = abs(at.x);
  float slope = (radius - blunt) / axis;
  float along = sqrt(1.0 - slope * slope);
  float k = along * at.y - slope * at.x;
  if (k < 0.0) return length(at) - radius;
  if (k > along * axis) return length(at - vec2(0.0, axis)) - blunt;
  return along * at.x + slope * at.y - radius;
}

float covered(float distance) {
  return clamp(0.5 - distance, 0.0, 1.0);
}

void main() {
  float distance = outside(p);
  float body = covered(distance + outline);
  float ring = body - covered(distance + 2.6 * outline);
  vec4 inside = mix(vec4(colour, 1.0), vec4(mix(edge, colour, ring), max(ring, 0.2)), hollow);
  vec4 marker = mix(vec4(edge, 1.0 - hollow), inside, body);
  float opacity = covered(distance) * marker.a * mix(1.0, 0.88, quiet * (1.0 - hollow));
  float reach = max(margin - 1.0, 1.0);
  float dark = 1.0 - clamp((distance + 0.5) / min(reach, 0.5 * radius), 0.0, 1.0);
  float under = shadow * dark * dark * (1.0 - hollow);
  if (haloAt.x > 0.0) {
    float around = length(p) - haloAt.x;
    float glow = covered(around) * 0.2 + 0.8 * covered(abs(around) - haloAt.y);
    painted = vec4(halo.rgb, 1.0) * halo.a * glow;
  } else painted = vec4(0.0);
  painted = painted * (1.0 - under) + vec4(0.0, 0.0, 0.0, under);
  painted = painted * (1.0 - opacity) + vec4(marker.rgb, 1.0) * opacity;
}
`;
