// Draws tens of thousands of points: with WebGL 2, or on a plain canvas where there is none.

const VERTEX = `#version 300 es
in vec2 position; in vec4 color; uniform vec2 scale; uniform vec2 offset; uniform float size; out vec4 shade;
void main() {
  gl_Position = vec4(position * scale + offset, 0.0, 1.0);
  gl_PointSize = color.a > 0.9 ? size * 1.35 : size;
  shade = color;
}`;
const FRAGMENT = `#version 300 es
precision mediump float; in vec4 shade; out vec4 result;
void main() {
  float away = length(gl_PointCoord - 0.5);
  float edge = smoothstep(0.5, 0.42, away);
  if (edge <= 0.0) discard;
  result = vec4(shade.rgb * shade.a * edge, shade.a * edge);
}`;

function program(gl) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  return gl.getProgramParameter(made, gl.LINK_STATUS) ? made : null;
}

/** Whether WebGL 2 draws here: a canvas that has given a WebGL context gives no plain one any more. */
function usable() {
  const gl = document.createElement("canvas").getContext("webgl2");
  const works = gl !== null && program(gl) !== null;
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return works;
}

/** Points in the square from (0, 0) to (1, 1); y grows upward. */
export class Points {
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = usable() ? canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true }) : null;
    if (!this.gl) {
      this.plain = canvas.getContext("2d");
      return;
    }
    this.prepare();
    // A driver may take the context away, for instance while the machine sleeps, and give it back empty.
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.prepare();
      if (this.data) this.setPositions(this.data);
      if (this.shades) this.setColors(this.shades);
      if (this.view) this.draw(this.view);
    });
  }

  prepare() {
    this.program = program(this.gl);
    this.positions = this.gl.createBuffer();
    this.colors = this.gl.createBuffer();
  }

  /** @param {Float32Array} positions x and y of each point. */
  setPositions(positions) {
    this.data = positions;
    this.count = positions.length / 2;
    if (!this.gl) return;
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.positions);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, positions, this.gl.STATIC_DRAW);
  }

  /** @param {Uint8Array} colors Red, green, blue and opacity of each point; opacity 0 hides it. */
  setColors(colors) {
    this.shades = colors;
    if (!this.gl) return;
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.colors);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, colors, this.gl.STATIC_DRAW);
  }

  /** @param {{zoom: number, x: number, y: number}} view Zoom, and the point in the middle. */
  draw(view) {
    this.view = view;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!width || !this.data || !this.shades) return;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const side = Math.min(width, height) * view.zoom;
    const radius = Math.min(9, (this.count > 20000 ? 2.4 : 3.6) * Math.sqrt(view.zoom));
    if (this.gl) this.drawFast(view, side / width, side / height, radius * ratio);
    else this.drawPlain(view, side, radius, ratio);
  }

  drawFast(view, across, up, size) {
    const { gl } = this;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(this.program);
    const attribute = (name, buffer, parts, type, normalized) => {
      const place = gl.getAttribLocation(this.program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, parts, type, normalized, 0, 0);
    };
    attribute("position", this.positions, 2, gl.FLOAT, false);
    attribute("color", this.colors, 4, gl.UNSIGNED_BYTE, true);
    gl.uniform2f(gl.getUniformLocation(this.program, "scale"), 2 * across, 2 * up);
    gl.uniform2f(gl.getUniformLocation(this.program, "offset"), -2 * across * view.x, -2 * up * view.y);
    gl.uniform1f(gl.getUniformLocation(this.program, "size"), 2 * size);
    gl.drawArrays(gl.POINTS, 0, this.count);
  }

  drawPlain(view, side, radius, ratio) {
    const { plain } = this;
    plain.setTransform(ratio, 0, 0, ratio, 0, 0);
    const [middleX, middleY] = [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2];
    for (let point = 0; point < this.count; point += 1) {
      const [red, green, blue, alpha] = this.shades.subarray(4 * point, 4 * point + 4);
      if (!alpha) continue;
      const x = middleX + (this.data[2 * point] - view.x) * side;
      const y = middleY - (this.data[2 * point + 1] - view.y) * side;
      if (x < -9 || y < -9 || x > 2 * middleX + 9 || y > 2 * middleY + 9) continue;
      plain.fillStyle = `rgba(${red},${green},${blue},${alpha / 255})`;
      plain.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    }
  }
}
