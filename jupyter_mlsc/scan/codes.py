"""Every code that a scan can give, with its severity, its sentence and its remedy. Data: a new code is one row here, and one row in docs/scanning.md.

Rules kept: what runs code, or can reach out of its file, is `high` or `critical`; what only may be extended by code that is installed elsewhere (a
custom Keras object, a custom ONNX domain) is below; a file that can run code and cannot be understood is `high`.
"""

from __future__ import annotations

from jupyter_mlsc.scan.code import Code
from jupyter_mlsc.scan.codes_of_environments import ENVIRONMENT
from jupyter_mlsc.scan.codes_of_notebooks import NOTEBOOKS

_ASK = "do not load it; get the model again from whom you trust, as safetensors or ONNX, or have a person inspect and sign it"
_EDIT = "take it out of the file, if you know where the file comes from; else do not use the file"

_GENERAL = {
    "not-understood": Code("high", "it looks like {what}, which can run code, and cannot be understood: {why}", _ASK),
    "limit-reached": Code("high", "it asks for more than a scan may spend: {why}", "do not open it; if you trust it, scan it with a higher limit"),
    "scanner-failed": Code("high", "the scan of this file ended without an answer: {why}", "do not open it; if it is harmless, please report the file's kind"),
    "name-mismatch": Code("medium", "it is named like {named}, and its bytes are {found}", "give the file the suffix of what it is, or ask where it came from"),
}

_PICKLE = {
    "pickle-code": Code("critical", "loading it would call {global_name}, which can run any code", _ASK),
    "pickle-unlisted": Code(
        "high", "loading it would use {global_name}, which no list allows", "look at what it is: allow it by [unpickle] allow, or have a person sign it"
    ),
    "pickle-built-call": Code("high", "loading it would call {what}, which the file builds itself", _ASK),
    "pickle-changes": Code("high", "loading it would change {what}, which other code uses", _ASK),
    "pickle-computed": Code("high", "loading it would use something whose name the file computes only then", _ASK),
    "pickle-extension": Code("high", "it names something by the extension code {number}, which only the loading process can look up", _ASK),
}

_ARCHIVES = {
    "archive-path": Code("high", "unpacking it would write outside its folder: {name}", "do not unpack it; ask whoever made it for a sound archive"),
    "archive-link": Code("high", "it holds a link that leads out of it: {name} to {target}", "do not unpack it; ask whoever made it for a sound archive"),
    "archive-bomb": Code("high", "it would unpack to {size} from {packed}", "do not unpack it"),
    "archive-encrypted": Code("medium", "{name} is encrypted, so nobody can look into it", "ask for the password, unpack it and scan what is inside"),
    "archive-closed": Code("high", "it is a {kind} archive, which nothing here opens, so nobody looked into it", "unpack it and scan what is inside"),
    "archive-unread": Code("medium", "nobody looked into {name}: {why}", "install what is missing, or unpack it and scan what is inside"),
    "archive-twice": Code("high", "two of its members have the name {name}: readers disagree on which one counts", "do not use it; ask for a sound archive"),
}

_MODELS = {
    "torchscript": Code("low", "it comes with TorchScript code, which torch's own interpreter runs", "prefer a state_dict as safetensors"),
    "torchscript-files": Code("high", "its TorchScript code calls {what}, which reads or writes files", _ASK),
    "torch-custom-operator": Code("medium", "it uses the operator {what}, which a library of its own brings", "know that library before you load it"),
    "torch-export-target": Code("high", "the program calls {what}, which is no operator of torch's", _ASK),
    "torch-native-code": Code("high", "it brings native code, {name}, which is loaded with it", _ASK),
    "safetensors-malformed": Code("high", "its header does not fit its bytes: {why}", "get the file again from where it came from"),
    "template-reaches": Code("high", "its template reaches for {what}, which no template needs", _EDIT),
    "gguf-twice": Code("medium", "it has two tensors called {name}", "get the file again from where it came from"),
    "keras-code": Code("critical", "it holds {what}", _ASK),
    "keras-import": Code("high", "Keras would import {what} and call it", "look at what it is: allow it by [unpickle] allow, or have a person sign it"),
    "keras-custom": Code("medium", "it uses {what}, which is no part of Keras", "know that code before you load the model with it"),
    "keras-framework": Code("medium", "it uses {what}, which wraps operations of another framework", "convert it to Keras' own layers"),
    "keras-file": Code("high", "it would read the file {what}", _EDIT),
    "keras-member": Code("high", "it holds {name}, which is no part of a model", "do not use it; get the model again from whom you trust"),
    "hdf5-outside": Code("high", "it leads out of the file: {why}", "do not use it; get the file again as one that holds its data itself"),
    "onnx-outside": Code("high", "weights would be read from {what}, which is outside the model's folder", "do not use it; save the model as one file"),
    "onnx-external": Code("low", "{count} tensors lie in other files of its folder", "sign the whole folder, so that they belong together"),
    "onnx-domain": Code("medium", "it uses operators of {what}, which a library of its own brings", "know that library before you run the model"),
    "onnx-code": Code("high", "it uses {what}, which calls Python code", _ASK),
    "tensorflow-operator": Code("high", "its graph runs {what}, which reaches out of the model", _ASK),
    "tensorflow-custom": Code("medium", "its graph uses {what}, which a library of its own brings", "know that library before you run the model"),
    "skops-holder": Code("high", "it fills a {what} as if it were a container", _ASK),
    "skops-node": Code("high", "it holds a {what}, which calls or looks up what the file names", _ASK),
    "remote-code": Code("high", "loading it would run Python code that comes with it: {what}", "load it without trust_remote_code, or read that code first"),
    "rds-runs": Code("critical", "it holds {what}, which R runs as soon as the object is used", _ASK),
    "rds-code": Code("high", "it holds {what}, which R runs when the object is used", _ASK),
    "jsonpickle-code": Code("critical", "jsonpickle would call {what}", _ASK),
    "jsonpickle-object": Code("high", "jsonpickle would make an object of {what}", "read it with json, or have a person inspect and sign it"),
}

_DOCUMENTS = {
    "xml-outside": Code("high", "a parser would read {what} from outside", _EDIT),
    "xml-grows": Code("high", "its entities refer to one another, and can grow without end", _EDIT),
    "xml-code": Code("high", "it holds {what}, which other programs run", _EDIT),
    "yaml-code": Code("critical", "yaml.load would make what it names: {what}", "read it with yaml.safe_load, or take it out of the file"),
    "hydra-code": Code("critical", "hydra would call {what}", _EDIT),
    "hydra-target": Code("low", "hydra would call {what}", "know what it is before you instantiate this configuration"),
    "command-reaches": Code("high", "a stage runs a command that reaches out: {what}", "read the command before you run the stage"),
    "mlmodel-loader": Code("medium", "MLflow would load it with {what}, a module of its own", "know that module before you load the model"),
    "foreign-index": Code("medium", "packages would come from {what}", "take the line out, or allow the index by [install] indexes"),
    "foreign-package": Code("medium", "a package would come from {what}, which may change", "pin it to a version with a hash"),
    "pinned-package": Code("low", "a package would come from {what}", "know where it comes from"),
    "pth-code": Code("high", "Python would run this line at every start: {what}", _EDIT),
    "kernel-command": Code("high", "starting the kernel would run: {what}", "make the kernel spec again: python -m ipykernel install"),
    "kernel-environment": Code("medium", "the kernel would start with {what}", "know why before you use the kernel"),
    "table-formula": Code("high", "a spreadsheet would run the formula {what}", "take the formula out, or open the table as text"),
}

CODES: dict[str, Code] = {**_GENERAL, **_PICKLE, **_ARCHIVES, **_MODELS, **_DOCUMENTS, **NOTEBOOKS, **ENVIRONMENT}
