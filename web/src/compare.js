/** The input and the result, with a slider between them. */

/** @param {string} id @returns {any} */
const find = (id) => document.getElementById(id);

/** Two canvases on top of each other. */
export class Comparison {
  constructor() {
    this.section = find('compare');
    this.stage = find('stage');
    this.before = find('before');
    this.after = find('after');
    this.slider = find('slider');
    this.slider.addEventListener('input', () => this.move());
    this.move();
  }

  /** Follow the slider. */
  move() {
    this.slider.setAttribute('aria-valuetext',
      `${this.slider.value} % input, ${100 - this.slider.value} % result`);
    this.stage.style.setProperty('--at', `${this.slider.value}%`);
  }

  hide() {
    this.section.hidden = true;
  }

  /**
   * Show a frame.
   * @param {ImageBitmap} before
   * @param {ImageBitmap} [after] Undefined until there is a result.
   */
  show(before, after) {
    const {width, height} = before;
    this.section.hidden = false;
    this.stage.style.aspectRatio = `${width} / ${height}`;
    this.stage.style.width =
      `min(max(${width}px, 40rem), 100%, calc(85vh * ${width / height}))`;
    this.section.classList.toggle('single', !after);
    for (const [canvas, bitmap] of [[this.before, before], [this.after, after || before]]) {
      if (canvas.width !== width || canvas.height !== height) {
        Object.assign(canvas, {width, height});
      }
      const pen = canvas.getContext('2d');
      pen.clearRect(0, 0, width, height);
      pen.drawImage(bitmap, 0, 0);
    }
    before.close();
    after?.close();
  }

  /**
   * Show a part of the result.
   * @param {{data: Uint8ClampedArray<ArrayBuffer>, wide: number, high: number, x: number,
   *     y: number, w: number, h: number}} tile Pixels; position and size as
   *     fractions of the whole.
   */
  async showTile({data, wide, high, x, y, w, h}) {
    const bitmap = await createImageBitmap(new ImageData(data, wide, high));
    const {width, height} = this.after;
    this.after.getContext('2d').drawImage(
      bitmap, x * width, y * height, w * width, h * height);
    this.section.classList.remove('single');
    bitmap.close();
  }
}
