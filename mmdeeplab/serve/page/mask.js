// A mask's PNG as class ids.

/** {ids, width, height} of a PNG whose pixels are ids in PASCAL VOC's colours. */
export async function readMask(blob) {
  const options = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' };
  const bitmap = await createImageBitmap(blob, options);
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const ids = new Uint8Array(width * height);
  for (let i = 0; i < ids.length; i++) {
    ids[i] = idOf(data[4 * i], data[4 * i + 1], data[4 * i + 2]);
  }
  return { ids, width, height };
}

/** VOC spreads the bits of an id over red, green and blue, from the highest bit of each down. */
function idOf(red, green, blue) {
  return (
    (red >> 7) | ((green >> 6) & 2) | ((blue >> 5) & 4) |
    ((red >> 3) & 8) | ((green >> 2) & 16) | ((blue >> 1) & 32) |
    ((red << 1) & 64) | ((green << 2) & 128)
  );
}
