"""Writes the ONNX files and the numbers that the tests of `diffusion/src/face` compare with.

    python make_fixtures.py SCRFD.py

needs numpy, opencv-python-headless, onnx, onnxruntime and pillow from PyPI, and the file `python-package/insightface/model_zoo/scrfd.py`
of github.com/deepinsight/insightface (commit 0bdfc69f) as SCRFD.py. The published detectors and recogniser may not be carried here, so
these files stand in for them: the same inputs and outputs by name, shape and meaning, but a network small enough to be written by hand.

The detectors know one kind of face, drawn on black: a white disc with a red and a green eye, a blue nose, and yellow and magenta corners of the
mouth. Colour detectors find the parts, running sums over grids measure how far the disc reaches to all sides, and centres of mass
give the key points. What InsightFace's and OpenCV's own code make of the files' outputs is written beside them.
"""

import importlib.util
import json
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

HERE = Path(__file__).parent
EDGE = 640
# Stride, least and greatest width of a face in places.
GRIDS = [(8, 4.0, 12.0), (16, 5.0, 12.0), (32, 5.0, 12.0)]
# How far, in places, the edges of a face and its marks are looked for.
REACH = 10
MARK_REACH = 7
# White, red, green, blue, yellow, magenta.
COLOURS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, -1], [1, -1, 1]], np.float32)
# Centres of the marks in radii of the disc, and their own radius.
MARKS = [(-0.4, -0.3), (0.4, -0.3), (0.0, 0.1), (-0.3, 0.5), (0.3, 0.5)]
MARK = 0.12
# Middle x, middle y, radius, turn in degrees.
FACES = [(260.0, 300.0, 140.0, 20.0), (770.0, 130.0, 60.0, -35.0), (700.0, 560.0, 90.0, 0.0)]
SIZE = (900, 700)


class Graph:
    """A graph under construction; every call adds a node and gives the name of its output."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def const(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def op(self, kind, *inputs, name=None, **attributes):
        name = name or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def conv(self, x, weights, bias=None, pads=(0, 0, 0, 0)):
        inputs, weights_shape = [x, self.const(np.float32(weights))], list(np.shape(weights)[2:])
        if bias is not None:
            inputs.append(self.const(np.float32(bias)))
        # The attributes are given as exporters give them: not every runtime knows their defaults.
        return self.op("Conv", *inputs, strides=[1, 1], dilations=[1, 1], group=1, kernel_shape=weights_shape, pads=list(pads))

    def scaled(self, x, factor, plus=0.0):
        return self.op("Add", self.op("Mul", x, self.const(np.float32(factor))), self.const(np.float32(plus)))

    def shaped(self, x, *shape, name=None):
        return self.op("Reshape", x, self.const(np.int64(shape)), name=name)

    def save(self, path, shape, outputs):
        """`outputs`: name to shape, in the file's order."""
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [info("input.1" if "yunet" not in path.stem else "input", TensorProto.FLOAT, shape)],
            [info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())


def measure(g, parts, stride, least, most):
    """Distances of the disc's edges from each place's corner and the key points, in strides, and the logit of a face."""
    places = g.op("AveragePool", parts, kernel_shape=[stride, stride], strides=[stride, stride])
    face = g.conv(places, np.ones((1, 6, 1, 1)))
    reach = REACH
    before = np.zeros(2 * reach + 1)
    before[:reach] = 1
    line = {
        "l": (before.reshape(1, 1, 1, -1), (0, reach, 0, reach)),
        "r": (1 - before.reshape(1, 1, 1, -1), (0, reach, 0, reach)),
        "t": (before.reshape(1, 1, -1, 1), (reach, 0, reach, 0)),
        "b": (1 - before.reshape(1, 1, -1, 1), (reach, 0, reach, 0)),
    }
    left, right, top, bottom = (g.conv(face, *[line[k][0]], pads=line[k][1]) for k in "lrtb")
    width = g.op("Add", left, right)
    around = g.conv(face, np.full((1, 1, 2, 2), 0.25), pads=(1, 1, 0, 0))
    logit = g.scaled(around, 20.0, -12.0)
    for a, b in ((left, right), (top, bottom)):
        logit = g.op("Sub", logit, g.scaled(g.op("Abs", g.op("Sub", a, b)), 1.5))
    for wrong in (g.scaled(width, -1.0, least), g.scaled(width, 1.0, -most)):
        logit = g.op("Sub", logit, g.scaled(g.op("Relu", wrong), 4.0))

    marks = g.op("Slice", places, g.const(np.int64([1])), g.const(np.int64([6])), g.const(np.int64([1])))
    marks = g.op("Transpose", marks, perm=[1, 0, 2, 3])
    reach = MARK_REACH
    offsets = np.arange(-reach, reach + 1) + 0.5
    ones = np.ones(2 * reach + 1)
    across = lambda x, w: g.conv(x, w.reshape(1, 1, 1, -1), pads=(0, reach, 0, reach))
    down = lambda x, w: g.conv(x, w.reshape(1, 1, -1, 1), pads=(reach, 0, reach, 0))
    rows = across(marks, ones)
    mass = g.scaled(down(rows, ones), 1.0, 1e-6)
    x = g.op("Div", down(across(marks, offsets), ones), mass)
    y = g.op("Div", down(rows, offsets), mass)
    points = g.op("Transpose", g.op("Concat", x, y, axis=1), perm=[2, 3, 0, 1])
    return left, top, right, bottom, logit, points


def scrfd(path):
    g = Graph()
    parts = g.op("Relu", g.conv("input.1", COLOURS.reshape(6, 3, 1, 1), np.full(6, -2.0)))
    names = {8: ("448", "451", "454"), 16: ("471", "474", "477"), 32: ("494", "497", "500")}
    for stride, *rest in GRIDS:
        left, top, right, bottom, logit, points = measure(g, parts, stride, *rest)
        score, box, key = names[stride]
        twice = lambda x, n, name: g.shaped(g.op("Concat", x, x, axis=1), -1, n, name=name)
        logit = g.shaped(logit, -1, 1)
        # The second anchor of a place is less sure.
        both = g.op("Concat", logit, g.scaled(logit, 1.0, -1.0), axis=1)
        g.op("Sigmoid", g.shaped(both, -1, 1), name=score)
        edges = g.op("Transpose", g.op("Concat", left, top, right, bottom, axis=1), perm=[0, 2, 3, 1])
        twice(g.shaped(edges, -1, 1, 4), 4, box)
        twice(g.shaped(points, -1, 1, 10), 10, key)
    anchors = {stride: (EDGE // stride) ** 2 * 2 for stride in names}
    outputs = {names[s][k]: [anchors[s], n] for k, n in enumerate((1, 4, 10)) for s in names}
    g.save(path, [1, 3, "?", "?"], outputs)


def yunet(path):
    g = Graph()
    # Blue comes first, values from 0 to 255.
    parts = g.op("Relu", g.conv("input", COLOURS[:, ::-1].reshape(6, 3, 1, 1) / 127.5, -COLOURS.sum(1) - 2.0))
    outputs = {}
    for stride, *rest in GRIDS:
        left, top, right, bottom, logit, points = measure(g, parts, stride, *rest)
        places = (EDGE // stride) ** 2
        for kind in ("cls", "obj"):
            g.op("Sigmoid", g.shaped(logit, 1, places, 1), name=f"{kind}_{stride}")
        middle = [g.scaled(g.op("Sub", b, a), 0.5) for a, b in ((left, right), (top, bottom))]
        size = [g.op("Log", g.scaled(g.op("Add", a, b), 1.0, 1e-3)) for a, b in ((left, right), (top, bottom))]
        boxes = g.op("Transpose", g.op("Concat", *middle, *size, axis=1), perm=[0, 2, 3, 1])
        g.shaped(boxes, 1, places, 4, name=f"bbox_{stride}")
        g.shaped(points, 1, places, 10, name=f"kps_{stride}")
    for kind, n in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
        outputs |= {f"{kind}_{s}": [1, (EDGE // s) ** 2, n] for s, *_ in GRIDS}
    g.save(path, [1, 3, EDGE, EDGE], outputs)


def arcface(path):
    """Two mixtures of the colours, averaged over 16 x 16 squares."""
    g = Graph()
    mixed = g.conv("input.1", np.reshape([[0.5, 0.25, -0.5], [-0.25, 1.0, 0.5]], (2, 3, 1, 1)))
    g.op("Flatten", g.op("AveragePool", mixed, kernel_shape=[7, 7], strides=[7, 7]), name="1333")
    g.save(path, ["None", 3, 112, 112], {"1333": [1, 512]})


def drawn(size, faces):
    """A picture of drawn faces, RGB. The test draws the same with the same arithmetic."""
    y, x = np.mgrid[: size[1], : size[0]].astype(float)
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    for cx, cy, radius, turn in faces:
        sin, cos = np.sin(np.deg2rad(turn)), np.cos(np.deg2rad(turn))
        picture[(x - cx) ** 2 + (y - cy) ** 2 <= radius**2] = 255
        for (u, v), colour in zip(MARKS, COLOURS[1:]):
            mx, my = cx + (cos * u - sin * v) * radius, cy + (sin * u + cos * v) * radius
            picture[(x - mx) ** 2 + (y - my) ** 2 <= (MARK * radius) ** 2] = (colour > 0) * 255
    return picture


def faces_by_insightface(source, picture):
    spec = importlib.util.spec_from_file_location("scrfd", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found, points = module.SCRFD(str(HERE / "scrfd.onnx")).detect(picture[:, :, ::-1], 0.5, input_size=(EDGE, EDGE))
    return [{"edges": f[:4].tolist(), "score": float(f[4]), "points": p.tolist()} for f, p in zip(found, points)]


def faces_by_opencv(picture):
    height, width = picture.shape[:2]
    scale = EDGE / max(height, width)
    square = np.zeros((EDGE, EDGE, 3), np.uint8)
    small = cv2.resize(picture, (int(width * scale), int(height * scale)))
    square[: small.shape[0], : small.shape[1]] = small
    detector = cv2.FaceDetectorYN.create(str(HERE / "yunet.onnx"), "", (EDGE, EDGE), 0.9, 0.3, 5000)
    _, rows = detector.detect(square[:, :, ::-1].copy())
    scale = small.shape[0] / height
    rows = rows / np.array([scale] * 14 + [1.0])
    return [
        {"edges": [r[0], r[1], r[0] + r[2], r[1] + r[3]], "score": r[14], "points": r[4:14].reshape(5, 2).tolist()}
        for r in rows
    ]


TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])


def umeyama(source, target):
    """Umeyama's similarity by singular values, as a 2 x 3 matrix."""
    p, q = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(q.T @ p / len(p))
    d = np.diag([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    turn = u @ d @ vt
    scale = (s * np.diag(d)).sum() / p.var(0).sum()
    return np.hstack([scale * turn, (target.mean(0) - scale * turn @ source.mean(0))[:, None]])


def embedding(picture, points):
    matrix = umeyama(np.array(points, float), TEMPLATE)
    face = cv2.warpAffine(picture, matrix, (112, 112), borderValue=0.0)
    planes = ((face.astype(np.float32) - 127.5) / 127.5).transpose(2, 0, 1)[None]
    return matrix, onnxruntime.InferenceSession(str(HERE / "arcface.onnx")).run(None, {"input.1": planes})[0][0]


# Edge of the picture, edge of the latent, face region and lip region as x, y, w, h.
MASKS = {
    "usual": (512, 64, (80, 75, 240, 300), (136, 253, 128, 50)),
    "border": (512, 64, (0, 0, 130, 400), (0, 300, 90, 212)),
    "small": (256, 32, (60, 40, 140, 180), (100, 160, 70, 30)),
    "large": (1024, 128, (200, 150, 600, 700), (380, 640, 250, 110)),
    "odd": (320, 40, (33, 41, 201, 222), (101, 170, 77, 41)),
    "everywhere": (512, 64, (8, 0, 504, 512), (180, 360, 152, 60)),
}


def soft(size, region, window):
    x, y, w, h = region
    mask = np.zeros((size, size), np.uint8)
    mask[y : y + h, x : x + w] = 255
    blurred = cv2.GaussianBlur(cv2.resize(mask, (64, 64)), (window, window), 0)
    return cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX)


def masks():
    tensors = {}
    for name, (size, latent, face, lips) in MASKS.items():
        around, lip = soft(size, face, 51), soft(size, lips, 31)
        full = ((1.0 - around / 255.0) * 255).astype(np.uint8)
        tensors[f"{name}.sizes"] = np.int32([size, latent, *face, *lips])
        for kind, mask in (("full", full), ("face", cv2.subtract(around, lip)), ("lip", lip)):
            for level in range(4):
                edge = latent >> level
                scaled = Image.fromarray(mask).resize((edge, edge), Image.Resampling.BILINEAR)
                tensors[f"{name}.{kind}.{level}"] = np.asarray(scaled)
    return tensors


def save_tensors(path, tensors):
    """The safetensors format: length of the header, header, bytes."""
    kinds = {"uint8": "U8", "int32": "I32", "float32": "F32"}
    header, data = {}, b""
    for name, array in tensors.items():
        raw = array.tobytes()
        header[name] = {"dtype": kinds[str(array.dtype)], "shape": array.shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    scrfd(HERE / "scrfd.onnx")
    yunet(HERE / "yunet.onnx")
    arcface(HERE / "arcface.onnx")
    picture = drawn(SIZE, FACES)
    by_insightface = faces_by_insightface(sys.argv[1], picture)
    by_opencv = faces_by_opencv(picture)
    largest = max(by_insightface, key=lambda f: f["edges"][2] - f["edges"][0])
    matrix, numbers = embedding(picture, largest["points"])
    expected = {
        "size": SIZE,
        "faces": FACES,
        "insightface": by_insightface,
        "opencv": by_opencv,
        "similarity": [matrix[0, 0], matrix[1, 0], matrix[0, 2], matrix[1, 2]],
    }
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    save_tensors(HERE / "expected.safetensors", masks() | {"embedding": numbers})


if __name__ == "__main__":
    main()
