"""What a Keras model's configuration may name: tables that the loader and the scanner share."""

from __future__ import annotations

import re

OWN_MODULE = re.compile(
    r"keras|builtins|keras\.(?:src\.)?(?:activations|constraints|dtype_policies|initializers|layers|losses|metrics|models|ops|optimizers|quantizers|random|"
    r"regularizers)(?:\.\w+)*|keras\.src\.backend\.(?:torch|jax|tensorflow|numpy|openvino)\.optimizers(?:\.\w+)*|keras\.src\.trainers\.compile_utils"
)
NO_OBJECT = frozenset({"__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__", "__tuple__", "TensorShape", "function"})
REACHES_OUT = {
    "__lambda__": "a lambda function, whose code comes with it",
    "Lambda": "a Lambda layer, whose code comes with it",
    "FlaxLayer": "a FlaxLayer, which wraps code of another framework",
    "JaxLayer": "a JaxLayer, which wraps code of another framework",
    "TFSMLayer": "a TFSMLayer, which runs a TensorFlow model by its path",
    "TorchModuleWrapper": "a TorchModuleWrapper, which unpickles a torch module",
    "__typespec__": "a TensorFlow type, which is looked up by name",
    "CompositeTensor": "a TensorFlow type, which is looked up by name",
    "TypeSpec": "a TensorFlow type, which is looked up by name",
}
MEMBER = re.compile(r"metadata\.json|config\.json|model\.weights\.(?:h5|npz)|assets/(?:(?!\.\.?/)[^/\\\0]+/)*(?!\.\.?$)[^/\\\0]*")
