import type { MarkersCamera } from './markers-camera.ts';
import { type MarkerPool, WORDS } from './markers-pool.ts';
import { COLOURS, FRAGMENT_SHADER, ROW, VERTEX_SHADER } from './markers-shader.ts';
import type { MarkersTheme, Rgb } from './markers-theme.ts';

/** How a frame is drawn. */
export interface Frame {
  readonly camera: MarkersCamera;
  readonly theme: MarkersTheme;
  readonly palette: readonly Rgb[];
  /** Milliseconds by the clock of the drivers. */
  readonly now: number;
  /** Milliseconds without a word from which on a driver fades, and when it is grey. */
  readonly silence: readonly [from: number, to: number];
  /** Degrees clockwise of what is up on the map. */
  readonly bearing: number;
  /** CSS pixels across a marker, and device pixels of each. */
  readonly size: number;
  readonly pixelRatio: number;
  /** Drawn with a halo, above all others. */
  readonly selected: number | undefined;
}

/** Corners of the two triangles that a driver is drawn by. */
const CORNERS = 6;
/** The radius of a marker of size 1: what sticks out ahead belongs to it. */
const RADIUS = 0.36;

/** The drivers' words on the graphics card, and what draws them: as long as one context of WebGL lasts. */
export class MarkersProgram {
  readonly gl: WebGL2RenderingContext;
  readonly #pool: MarkerPool;
  readonly #program: WebGLProgram;
  readonly #array: WebGLVertexArrayObject;
  readonly #texture: WebGLTexture;
  readonly #uniforms = new Map<string, WebGLUniformLocation | null>();
  readonly #palette = new Float32Array(COLOURS * 3);
  /** Rows that the texture has. */
  #rows = 0;

  /** @throws {Error} when the shaders cannot be compiled; not when the context is lost */
  constructor(gl: WebGL2RenderingContext, pool: MarkerPool) {
    this.gl = gl;
    this.#pool = pool;
    this.#program = gl.createProgram();
    const shaders = [compile(gl, gl.VERTEX_SHADER, VERTEX_SHADER), compile(gl, gl.FRAGMENT_SHADER, FRAGMENT_SHADER)];
    for (const shader of shaders) gl.attachShader(this.#program, shader);
    gl.linkProgram(this.#program);
    for (const shader of shaders) gl.deleteShader(shader);
    if (!gl.getProgramParameter(this.#program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(`The drivers' shaders do not link: ${gl.getProgramInfoLog(this.#program)}`);
    }
    this.#array = gl.createVertexArray();
    this.#texture = gl.createTexture();
  }

  /** Draws all drivers. */
  draw(frame: Frame): void {
    const gl = this.gl;
    gl.useProgram(this.#program);
    gl.bindVertexArray(this.#array);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.#texture);
    this.#upload();
    this.#look(frame);
    gl.disable(gl.CULL_FACE);
    gl.disable(gl.DEPTH_TEST);
    const { selected } = frame;
    gl.uniform1i(this.#at('hidden'), selected ?? -1);
    gl.drawArrays(gl.TRIANGLES, 0, this.#pool.size * CORNERS);
    if (selected !== undefined) {
      this.#select(frame);
      gl.uniform1i(this.#at('hidden'), -1);
      gl.drawArrays(gl.TRIANGLES, selected * CORNERS, CORNERS);
    }
    gl.bindVertexArray(null);
  }

  delete(): void {
    const gl = this.gl;
    gl.deleteTexture(this.#texture);
    gl.deleteVertexArray(this.#array);
    gl.deleteProgram(this.#program);
  }

  /** Brings the rows in which something has changed, all of them when there is not room enough. */
  #upload(): void {
    const gl = this.gl;
    const { places, changed } = this.#pool;
    // As the map may have left them.
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4);
    const rows = places.length / (ROW * WORDS);
    let [from, to] = [Math.floor(changed[0] / ROW), Math.ceil(changed[1] / ROW)];
    if (rows > this.#rows) {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32UI, 2 * ROW, rows, 0, gl.RGBA_INTEGER, gl.UNSIGNED_INT, null);
      for (const axis of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
        gl.texParameteri(gl.TEXTURE_2D, axis, gl.NEAREST);
      this.#rows = rows;
      [from, to] = [0, Math.ceil(this.#pool.size / ROW)];
    }
    if (from < to) {
      const source = from * ROW * WORDS;
      gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, from, 2 * ROW, to - from, gl.RGBA_INTEGER, gl.UNSIGNED_INT, places, source);
    }
    this.#pool.settle();
  }

  #look({ camera, theme, palette, now, silence, bearing, size, pixelRatio }: Frame): void {
    const gl = this.gl;
    gl.uniform1i(this.#at('drivers'), 0);
    gl.uniform2uiv(this.#at('middle'), camera.middle);
    gl.uniform4fv(this.#at('eastward'), camera.eastward);
    gl.uniform4fv(this.#at('southward'), camera.southward);
    gl.uniform4fv(this.#at('origin'), camera.origin);
    gl.uniform2f(this.#at('viewport'), gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.uniform1f(this.#at('bearing'), bearing);
    gl.uniform1i(this.#at('now'), Math.round(now - this.#pool.epoch));
    gl.uniform2f(this.#at('silence'), ...silence);
    const radius = size * RADIUS * pixelRatio;
    gl.uniform1f(this.#at('radius'), radius);
    gl.uniform1f(this.#at('margin'), 0.4 * radius + 1);
    gl.uniform1f(this.#at('outline'), Math.max(1, 0.17 * radius));
    gl.uniform3f(this.#at('grey'), ...theme.grey);
    gl.uniform3f(this.#at('edge'), ...theme.edge);
    gl.uniform1f(this.#at('shadow'), theme.shadow);
    gl.uniform2f(this.#at('haloAt'), 0, 0);
    for (let i = 0; i < COLOURS; i++) this.#palette.set(palette[i % palette.length], i * 3);
    gl.uniform3fv(this.#at('palette'), this.#palette);
  }

  #select({ theme, size, pixelRatio }: Frame): void {
    const gl = this.gl;
    const radius = size * RADIUS * pixelRatio;
    const halo = 2.5 * radius;
    gl.uniform1f(this.#at('margin'), halo - radius + 2 * pixelRatio);
    gl.uniform4f(this.#at('halo'), ...theme.halo, 0.9);
    gl.uniform2f(this.#at('haloAt'), halo, pixelRatio);
  }

  #at(name: string): WebGLUniformLocation | null {
    let location = this.#uniforms.get(name);
    if (location === undefined) {
      location = this.gl.getUniformLocation(this.#program, name);
      this.#uniforms.set(name, location);
    }
    return location;
  }
}

function compile(gl: WebGL2RenderingContext, type: number, source: string): WebGLShader {
  const shader = gl.createShader(type) as WebGLShader;
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
    throw new Error(`A shader of the drivers does not compile: ${gl.getShaderInfoLog(shader)}`);
  }
  return shader;
}
