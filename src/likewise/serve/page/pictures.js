// Pictures of the query. They stay in the memory of this page: nothing is stored, and a reload forgets them.

const kept = new Map();
const page = Date.now().toString(36);

/** Keeps files and returns their keys for the address. */
export function keep(files) {
  return files.map((file) => {
    const key = `${page}-${kept.size + 1}`;
    kept.set(key, { file, address: URL.createObjectURL(file) });
    return key;
  });
}

export const fileOf = (key) => kept.get(key)?.file ?? null;
export const addressOf = (key) => kept.get(key)?.address ?? null;
export const missing = (keys) => keys.filter((key) => !kept.has(key));

/** The images among dropped or pasted things. */
export function imagesOf(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.filter((file) => file.type.startsWith("image/") || /\.(heic|heif|avif|tiff?|bmp)$/i.test(file.name));
}
