"""Models, and the data sets of a hub."""

from __future__ import annotations

from cases import Case, case

TRAINED = "import numpy as np; X = np.arange(60.0).reshape(20, 3); y = (X[:, 0] > 30).astype(int); "


BOOSTERS = (
    case(
        "b.json",
        f"{TRAINED}import xgboost as xgb; xgb.train({{}}, xgb.DMatrix(X, y), 2).save_model(p)",
        "import xgboost as xgb; b = xgb.Booster(); b.load_model(p); result = b.num_boosted_rounds()",
        "xgboost",
    ),
    case(
        "b.ubj",
        f"{TRAINED}import xgboost as xgb; m = xgb.XGBClassifier(n_estimators=2).fit(X, y); m.save_model(p)",
        "import xgboost as xgb; m = xgb.XGBClassifier(); m.load_model(p); result = m.get_booster().num_boosted_rounds()",
        "xgboost",
        label="sklearn",
    ),
    case(
        "b.json",
        f"{TRAINED}import xgboost as xgb; xgb.train({{}}, xgb.DMatrix(X, y), 2).save_model(p)",
        "import xgboost as xgb; result = xgb.Booster(model_file=p).num_boosted_rounds()",
        "xgboost",
        label="model_file",
    ),
    case(
        "d.buf",
        f"{TRAINED}import xgboost as xgb; xgb.DMatrix(X, y).save_binary(p)",
        "import xgboost as xgb; result = xgb.DMatrix(p).num_row()",
        "xgboost",
        label="DMatrix",
    ),
    case(
        "b.txt",
        f"{TRAINED}import lightgbm as lgb; lgb.train({{'verbose': -1, 'min_data': 1}}, lgb.Dataset(X, y), 2).save_model(p)",
        "import lightgbm as lgb; result = lgb.Booster(model_file=p).num_trees()",
        "lightgbm",
    ),
    case(
        "d.bin",
        f"{TRAINED}import lightgbm as lgb; lgb.Dataset(X, y, params={{'verbose': -1}}).save_binary(p)",
        "import lightgbm as lgb; result = lgb.Dataset(p, params={'verbose': -1}).construct().num_data()",
        "lightgbm",
        label="Dataset",
    ),
    case(
        "b.cbm",
        f"{TRAINED}import catboost as cb; cb.CatBoostClassifier(iterations=2, verbose=0, allow_writing_files=False).fit(X, y).save_model(p)",
        "import catboost as cb; result = cb.CatBoostClassifier().load_model(p).tree_count_",
        "catboost",
    ),
    case(
        "pool.csv",
        f"{TRAINED}np.savetxt(p, np.c_[y, X], delimiter=',')",
        "import catboost as cb; result = cb.Pool(p, delimiter=',').shape",
        "catboost",
        label="Pool",
    ),
    case(
        "m.onnx",
        "import onnx; from onnx import helper as h, TensorProto as T\n"
        "v = [h.make_tensor_value_info(n, T.FLOAT, [1]) for n in 'xy']\n"
        "graph = h.make_graph([h.make_node('Relu', ['x'], ['y'])], 'g', v[:1], v[1:])\n"
        "onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid('', 17)], ir_version=8), p)",
        "import onnx; result = len(onnx.load(p).graph.node)",
        "onnx",
    ),
    case(
        "m.onnx",
        "import onnx; from onnx import helper as h, TensorProto as T\n"
        "v = [h.make_tensor_value_info(n, T.FLOAT, [1]) for n in 'xy']\n"
        "graph = h.make_graph([h.make_node('Relu', ['x'], ['y'])], 'g', v[:1], v[1:])\n"
        "onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid('', 17)], ir_version=8), p)",
        "import onnxruntime as ort; result = [o.name for o in ort.InferenceSession(p).get_outputs()]",
        "onnxruntime",
        "onnx",
    ),
)

TORCH = (
    case("t.pt", "import torch; torch.save({'a': torch.ones(2)}, p)", "import torch; result = torch.load(p)['a'].tolist()", "torch"),
    case(
        "t.pt",
        "import torch; torch.save({'a': torch.ones(2)}, p)",
        "import torch; result = torch.load(p, mmap=True, weights_only=True)['a'].tolist()",
        "torch",
        label="mmap",
    ),
    case(
        "j.pt",
        "import torch; torch.jit.save(torch.jit.script(torch.nn.ReLU()), p)",
        "import torch; result = torch.jit.load(p)(torch.ones(1)).tolist()",
        "torch",
        label="jit",
    ),
    case(
        "j.pt",
        "import torch; torch.jit.script(torch.nn.ReLU()).save(p)",
        "import torch; result = torch.jit.load(p)(torch.ones(1)).tolist()",
        "torch",
        label="jit method",
    ),
    case(
        "t.safetensors",
        "import torch, safetensors.torch as st; st.save_file({'a': torch.ones(2)}, p)",
        "import safetensors.torch as st; result = st.load_file(p)['a'].tolist()",
        "safetensors",
        "torch",
        label="torch",
    ),
    case(
        "t.safetensors",
        "import numpy as np, safetensors.numpy as sn; sn.save_file({'a': np.ones(2)}, p)",
        "import safetensors.numpy as sn; result = sn.load_file(p)['a'].tolist()",
        "safetensors",
        label="numpy",
    ),
    case(
        "t.safetensors",
        "import numpy as np, safetensors.numpy as sn; sn.save_file({'a': np.ones(2)}, p)",
        "from safetensors import safe_open\nwith safe_open(p, 'np') as f: result = f.get_tensor('a').tolist()",
        "safetensors",
        label="safe_open",
    ),
)

KERAS = tuple(
    case(
        f"k{suffix}",
        "import keras; keras.utils.set_random_seed(1); m = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]); m.save(p)",
        "import keras; result = [w.tolist() for w in keras.models.load_model(p).get_weights()]",
        "keras",
        "torch",
        label=suffix,
    )
    for suffix in (".keras", ".h5")
)

BERT = (
    "import torch; from transformers import BertConfig, BertModel; torch.manual_seed(1)\n"
    "m = BertModel(BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)); m.save_pretrained(p{more})"
)
READ_BERT = "from transformers import AutoModel; result = AutoModel.from_pretrained(p).embeddings.word_embeddings.weight[0].tolist()"

HUB = (
    case("bert", BERT.format(more=""), READ_BERT, "transformers", "torch", label="model"),
    case("bert", BERT.format(more=", max_shard_size='1KB'"), READ_BERT, "transformers", "torch", label="sharded model"),
    case(
        "corpus",
        "import datasets; datasets.Dataset.from_dict({'a': [1, 2]}).save_to_disk(p)",
        "import datasets; result = datasets.load_from_disk(p)['a'][:]",
        "datasets",
        label="save_to_disk",
    ),
    case(
        "corpus.csv",
        "import datasets; datasets.Dataset.from_dict({'a': [1, 2]}).to_csv(p)",
        "import datasets; result = datasets.load_dataset('csv', data_files=p)['train']['a'][:]",
        "datasets",
    ),
    case(
        "corpus.parquet",
        "import datasets; datasets.Dataset.from_dict({'a': [1, 2]}).to_parquet(p)",
        "import datasets; result = datasets.Dataset.from_parquet(p)['a'][:]",
        "datasets",
    ),
)


TOKENIZER = "from tokenizers import Tokenizer, models; t = Tokenizer(models.WordLevel({'a': 0, '[UNK]': 1}, unk_token='[UNK]')); "
ONNX = (
    "import onnx; from onnx import helper as h, TensorProto as T\n"
    "v = [h.make_tensor_value_info(n, T.FLOAT, [1]) for n in 'xy']\n"
    "onnx.save(h.make_model(h.make_graph([h.make_node('Relu', ['x'], ['y'])], 'g', v[:1], v[1:])), p)"
)
OTHERS = (
    case("t.json", f"{TOKENIZER}t.save(p)", "from tokenizers import Tokenizer; result = Tokenizer.from_file(p).get_vocab_size()", "tokenizers"),
    case(
        "tok",
        f"{TOKENIZER}from transformers import PreTrainedTokenizerFast; PreTrainedTokenizerFast(tokenizer_object=t, unk_token='[UNK]').save_pretrained(p)",
        "from transformers import PreTrainedTokenizerFast; result = PreTrainedTokenizerFast.from_pretrained(p)('a')['input_ids']",
        "transformers",
        "tokenizers",
        label="tokenizer",
    ),
    case("t.bin", "import numpy as np; np.ones(2).tofile(p)", "import torch; result = torch.from_file(p, size=2, dtype=torch.float64).tolist()", "torch"),
    case("m.onnx", ONNX, "import onnx; onnx.checker.check_model(p); result = True", "onnx", label="checker"),
    case(
        "pool.bin",
        f"{TRAINED}import catboost as cb; q = cb.Pool(X, y); q.quantize(); q.save(p)",
        "import catboost as cb; result = cb.Pool('quantized://' + p).shape",
        "catboost",
        label="quantized Pool",
    ),
    case(
        "corpus.json",
        "import datasets; datasets.Dataset.from_dict({'a': [1, 2]}).to_json(p)",
        "import datasets; result = datasets.Dataset.from_json(p)['a'][:]",
        "datasets",
        label="json",
    ),
    case(
        "corpora",
        "import datasets as d; d.DatasetDict({'train': d.Dataset.from_dict({'a': [1, 2]})}).save_to_disk(p)",
        "import datasets; result = datasets.load_from_disk(p)['train']['a'][:]",
        "datasets",
        label="DatasetDict",
    ),
    case(
        "k.weights.h5",
        "import keras; m = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer='ones')]); m.save_weights(p)",
        "import keras; m = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]); m.load_weights(p); result = m.get_weights()[0].tolist()",
        "keras",
        "torch",
        label="weights",
    ),
)


CASES: tuple[Case, ...] = (*BOOSTERS, *TORCH, *KERAS, *HUB, *OTHERS)
