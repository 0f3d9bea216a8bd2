/** The part of gifenc, which brings no types, that is used here. */
declare module 'gifenc' {
  type Colour = [red: number, green: number, blue: number];

  interface FrameOptions {
    /** Of the whole animation, with its first frame. */
    palette?: Colour[];
    /** Milliseconds. */
    delay?: number;
    transparent?: boolean;
    transparentIndex?: number;
    dispose?: number;
  }

  interface Encoder {
    writeFrame(indexes: Uint8Array, width: number, height: number, options: FrameOptions): void;
    finish(): void;
    bytes(): Uint8Array;
  }

  const gifenc: {
    /** At most so many colours that are near to those of an image, RGBA. */
    quantize(pixels: Uint8Array, colours: number): Colour[];
    /** For each pixel the index of the colour that is nearest. */
    applyPalette(pixels: Uint8Array, palette: Colour[]): Uint8Array;
    GIFEncoder(): Encoder;
  };
  export default gifenc;
}
