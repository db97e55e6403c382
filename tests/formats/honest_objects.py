"""Objects that people really save: fitted scikit-learn estimators, frames of every kind, sparse matrices, torch modules, values. Each is tiny."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import fractions
import pathlib
import uuid
import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp


@cache
def _data() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(size=(40, 4)))
    return X, (X[:, 0] > np.median(X[:, 0])).astype(int), X @ np.array([1.0, 2.0, 0.5, 0.1])


def estimators() -> dict[str, Any]:
    from sklearn import (
        calibration,
        cluster,
        compose,
        covariance,
        cross_decomposition,
        decomposition,
        discriminant_analysis,
        dummy,
        ensemble,
        feature_extraction,
        feature_selection,
        gaussian_process,
        impute,
        isotonic,
        kernel_approximation,
        kernel_ridge,
        linear_model,
        manifold,
        mixture,
        model_selection,
        multiclass,
        multioutput,
        naive_bayes,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        random_projection,
        semi_supervised,
        svm,
        tree,
    )
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
    from sklearn.gaussian_process import kernels

    X, y, r = _data()
    words = ["red green blue", "green tea", "blue sky tea", "red sky"] * 10
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=["u", "v"] * 20)
    both = np.column_stack([y, 1 - y])
    made: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "logistic": (linear_model.LogisticRegression(), (X, y)),
        "logistic_cv": (linear_model.LogisticRegressionCV(cv=2, scoring="accuracy"), (X, y)),
        "linear": (linear_model.LinearRegression(), (X, r)),
        "ridge_cv": (linear_model.RidgeCV(), (X, r)),
        "lasso": (linear_model.Lasso(), (X, r)),
        "elastic_net_cv": (linear_model.ElasticNetCV(cv=2), (X, r)),
        "lars": (linear_model.LassoLars(), (X, r)),
        "bayesian_ridge": (linear_model.BayesianRidge(), (X, r)),
        "sgd": (linear_model.SGDClassifier(random_state=0), (X, y)),
        "sgd_log": (linear_model.SGDClassifier(loss="log_loss", random_state=np.random.RandomState(0)), (X, y)),
        "sgd_regressor": (linear_model.SGDRegressor(), (X, r)),
        "perceptron": (linear_model.Perceptron(), (X, y)),
        "poisson": (linear_model.PoissonRegressor(), (X, r)),
        "tweedie": (linear_model.TweedieRegressor(), (X, r)),
        "gamma": (linear_model.GammaRegressor(), (X, r)),
        "huber": (linear_model.HuberRegressor(), (X, r)),
        "quantile": (linear_model.QuantileRegressor(), (X, r)),
        "ransac": (linear_model.RANSACRegressor(random_state=0), (X, r)),
        "theil_sen": (linear_model.TheilSenRegressor(random_state=0), (X, r)),
        "omp": (linear_model.OrthogonalMatchingPursuit(), (X, r)),
        "forest": (ensemble.RandomForestClassifier(3, random_state=0), (X, y)),
        "forest_regressor": (ensemble.RandomForestRegressor(3), (X, r)),
        "extra_trees": (ensemble.ExtraTreesClassifier(3), (X, y)),
        "gradient_boosting": (ensemble.GradientBoostingClassifier(n_estimators=3), (X, y)),
        "gradient_boosting_regressor": (ensemble.GradientBoostingRegressor(n_estimators=3, loss="huber"), (X, r)),
        "hist_gradient_boosting": (ensemble.HistGradientBoostingClassifier(max_iter=3), (X, y)),
        "hist_multiclass": (ensemble.HistGradientBoostingClassifier(max_iter=2), (X, np.arange(40) % 3)),
        "hist_gradient_boosting_regressor": (ensemble.HistGradientBoostingRegressor(max_iter=3, loss="poisson"), (X, r)),
        "hist_quantile": (ensemble.HistGradientBoostingRegressor(max_iter=3, loss="quantile", quantile=0.3), (X, r)),
        "isolation_forest": (ensemble.IsolationForest(n_estimators=3), (X,)),
        "bagging": (ensemble.BaggingClassifier(n_estimators=2), (X, y)),
        "ada_boost": (ensemble.AdaBoostClassifier(n_estimators=2), (X, y)),
        "voting": (ensemble.VotingClassifier([("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier())]), (X, y)),
        "stacking": (ensemble.StackingClassifier([("a", linear_model.LogisticRegression()), ("b", svm.LinearSVC())], cv=2), (X, y)),
        "random_embedding": (ensemble.RandomTreesEmbedding(n_estimators=2, max_depth=2), (X,)),
        "tree": (tree.DecisionTreeClassifier(), (X, y)),
        "tree_regressor": (tree.DecisionTreeRegressor(criterion="absolute_error"), (X, r)),
        "svc": (svm.SVC(probability=False), (X, y)),
        "svr": (svm.SVR(), (X, r)),
        "linear_svc": (svm.LinearSVC(), (X, y)),
        "one_class": (svm.OneClassSVM(), (X,)),
        "knn": (neighbors.KNeighborsClassifier(3), (X, y)),
        "knn_kd_tree": (neighbors.KNeighborsRegressor(3, algorithm="kd_tree"), (X, r)),
        "knn_ball_tree": (neighbors.KNeighborsClassifier(3, algorithm="ball_tree", metric="manhattan"), (X, y)),
        "lof": (neighbors.LocalOutlierFactor(novelty=True, n_neighbors=3), (X,)),
        "kernel_density": (neighbors.KernelDensity(), (X,)),
        "nearest_centroid": (neighbors.NearestCentroid(), (X, y)),
        "nca": (neighbors.NeighborhoodComponentsAnalysis(max_iter=2), (X, y)),
        "gaussian_nb": (naive_bayes.GaussianNB(), (X, y)),
        "multinomial_nb": (naive_bayes.MultinomialNB(), (X, y)),
        "mlp": (neural_network.MLPClassifier(hidden_layer_sizes=(3,), max_iter=2), (X, y)),
        "mlp_sgd": (neural_network.MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, solver="sgd"), (X, r)),
        "rbm": (neural_network.BernoulliRBM(2, n_iter=1), (X / X.max(),)),
        "gaussian_process": (gaussian_process.GaussianProcessRegressor(kernels.ConstantKernel() * kernels.RBF() + kernels.WhiteKernel()), (X, r)),
        "gaussian_process_classifier": (gaussian_process.GaussianProcessClassifier(kernels.Matern()), (X, y)),
        "lda": (discriminant_analysis.LinearDiscriminantAnalysis(), (X, y)),
        "qda": (discriminant_analysis.QuadraticDiscriminantAnalysis(), (X, y)),
        "k_means": (cluster.KMeans(2, n_init=1), (X,)),
        "mini_batch_k_means": (cluster.MiniBatchKMeans(2, n_init=1), (X,)),
        "dbscan": (cluster.DBSCAN(), (X,)),
        "hdbscan": (cluster.HDBSCAN(copy=True), (X,)),
        "birch": (cluster.Birch(n_clusters=2), (X,)),
        "agglomerative": (cluster.AgglomerativeClustering(), (X,)),
        "bisecting": (cluster.BisectingKMeans(2, random_state=0), (X,)),
        "mean_shift": (cluster.MeanShift(), (X,)),
        "mixture": (mixture.GaussianMixture(2), (X,)),
        "pca": (decomposition.PCA(2), (X,)),
        "truncated_svd": (decomposition.TruncatedSVD(2), (X,)),
        "nmf": (decomposition.NMF(2, max_iter=5), (X,)),
        "latent_dirichlet": (decomposition.LatentDirichletAllocation(2, max_iter=1), (X,)),
        "kernel_pca": (decomposition.KernelPCA(2, kernel="rbf"), (X,)),
        "fast_ica": (decomposition.FastICA(2), (X,)),
        "dictionary": (decomposition.MiniBatchDictionaryLearning(2, max_iter=2), (X,)),
        "isomap": (manifold.Isomap(n_neighbors=15), (X,)),
        "pls": (cross_decomposition.PLSRegression(2), (X, r)),
        "covariance": (covariance.EllipticEnvelope(random_state=0), (X,)),
        "isotonic": (isotonic.IsotonicRegression(), (X[:, 0], r)),
        "calibrated": (calibration.CalibratedClassifierCV(cv=2), (X, y)),
        "calibrated_isotonic": (calibration.CalibratedClassifierCV(method="isotonic", cv=2), (X, y)),
        "one_vs_rest": (multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), (X, np.arange(40) % 3)),
        "chain": (multioutput.ClassifierChain(linear_model.LogisticRegression()), (X, both)),
        "multi_output": (multioutput.MultiOutputRegressor(linear_model.Ridge()), (X, both)),
        "kernel_ridge": (kernel_ridge.KernelRidge(), (X, r)),
        "nystroem": (kernel_approximation.Nystroem(n_components=4), (X,)),
        "label_spreading": (semi_supervised.LabelSpreading(), (X, y)),
        "self_training": (semi_supervised.SelfTrainingClassifier(linear_model.LogisticRegression()), (X, y)),
        "dummy": (dummy.DummyClassifier(), (X, y)),
        "standard_scaler": (preprocessing.StandardScaler(), (X,)),
        "min_max": (preprocessing.MinMaxScaler(), (X,)),
        "quantile_transformer": (preprocessing.QuantileTransformer(n_quantiles=5), (X,)),
        "power": (preprocessing.PowerTransformer(), (X,)),
        "spline": (preprocessing.SplineTransformer(), (X,)),
        "polynomial": (preprocessing.PolynomialFeatures(), (X,)),
        "k_bins": (preprocessing.KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), (X,)),
        "one_hot": (preprocessing.OneHotEncoder(handle_unknown="ignore"), (frame[["kind"]],)),
        "ordinal": (preprocessing.OrdinalEncoder(), (frame[["kind"]],)),
        "target_encoder": (preprocessing.TargetEncoder(cv=2), (frame[["kind"]], y)),
        "label_binarizer": (preprocessing.LabelBinarizer(), (y,)),
        "label_encoder": (preprocessing.LabelEncoder(), (["a", "b"],)),
        "function_transformer": (preprocessing.FunctionTransformer(np.log1p), (X,)),
        "simple_imputer": (impute.SimpleImputer(), (X,)),
        "knn_imputer": (impute.KNNImputer(), (X,)),
        "k_best": (feature_selection.SelectKBest(feature_selection.f_classif, k=2), (X, y)),
        "select_chi2": (feature_selection.SelectPercentile(feature_selection.chi2), (X, y)),
        "from_model": (feature_selection.SelectFromModel(linear_model.Lasso(0.01)), (X, r)),
        "rfe": (feature_selection.RFE(linear_model.LogisticRegression()), (X, y)),
        "rfe_cv": (feature_selection.RFECV(linear_model.LogisticRegression(), cv=2), (X, y)),
        "variance_threshold": (feature_selection.VarianceThreshold(), (X,)),
        "random_projection": (random_projection.SparseRandomProjection(2, random_state=0), (X,)),
        "count_vectorizer": (CountVectorizer(), (words,)),
        "tfidf": (TfidfVectorizer(ngram_range=(1, 2)), (words,)),
        "hashing": (HashingVectorizer(n_features=16), (words,)),
        "dict_vectorizer": (feature_extraction.DictVectorizer(), ([{"a": 1}, {"b": 2}],)),
        "text_pipeline": (pipeline.make_pipeline(TfidfVectorizer(), linear_model.LogisticRegression()), (words, y)),
        "column_pipeline": (
            pipeline.Pipeline(
                [
                    (
                        "columns",
                        compose.ColumnTransformer(
                            [("n", preprocessing.StandardScaler(), ["a", "b"]), ("k", preprocessing.OneHotEncoder(), ["kind"])], remainder="passthrough"
                        ),
                    ),
                    ("model", ensemble.RandomForestClassifier(2)),
                ]
            ),
            (frame, y),
        ),
        "selector_columns": (
            compose.make_column_transformer((preprocessing.StandardScaler(), compose.make_column_selector(dtype_include=np.number))),
            (frame, y),
        ),
        "union": (pipeline.make_union(preprocessing.StandardScaler(), decomposition.PCA(2)), (X,)),
        "target_transform": (compose.TransformedTargetRegressor(linear_model.Ridge(), transformer=preprocessing.StandardScaler()), (X, r)),
        "grid_search": (model_selection.GridSearchCV(linear_model.LogisticRegression(), {"C": [0.1, 1]}, cv=2), (X, y)),
        "grid_search_scored": (model_selection.GridSearchCV(svm.SVC(), {"C": [0.1, 1]}, cv=model_selection.StratifiedKFold(2), scoring="f1"), (X, y)),
        "grid_search_several": (
            model_selection.GridSearchCV(linear_model.Ridge(), {"alpha": [1, 2]}, cv=2, scoring=["r2", "neg_mean_squared_error"], refit="r2"),
            (X, r),
        ),
        "threshold": (model_selection.FixedThresholdClassifier(linear_model.LogisticRegression()), (X, y)),
    }
    fitted = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (model, arguments) in made.items():
            fitted[name] = model.fit(*arguments)
    return fitted


def frames() -> dict[str, Any]:
    dates = pd.to_datetime(["2020-01-01", "2020-01-02", None])
    return {
        "numbers": pd.DataFrame({"i": [1, 2, 3], "f": [0.5, None, 2], "b": [True, False, True], "c": [1j, 2j, 3j], "s": np.array([1, 2, 3], "int8")}),
        "strings": pd.DataFrame({"s": ["x", None, "z"]}),
        "objects": pd.DataFrame({"o": pd.Series([1, "x", None], dtype=object)}),
        "dates": pd.DataFrame({"d": dates, "t": dates - dates[0]}),
        "zoned": pd.DataFrame({"utc": dates.tz_localize("UTC"), "berlin": dates.tz_localize("Europe/Berlin"), "tokyo": dates.tz_localize("Asia/Tokyo")}),
        "offset": pd.DataFrame({"z": dates.tz_localize(datetime.timezone(datetime.timedelta(hours=2)))}),
        "categories": pd.DataFrame({"k": pd.Categorical(["a", "b", "a"], ordered=True)}),
        "nullable": pd.DataFrame(
            {
                "i": pd.array([1, None, 3], "Int64"),
                "f": pd.array([1.5, None, 3], "Float32"),
                "b": pd.array([True, None, False], "boolean"),
                "u": pd.array([1, None, 3], "UInt8"),
                "s": pd.array(["a", None, "c"], "string[python]"),
                "p": pd.array(["a", None, "c"], "string[pyarrow]"),
            }
        ),
        "arrow": pd.DataFrame({"i": pd.array([1, None, 3], "int64[pyarrow]"), "s": pd.array(["a", None, "c"], "string[pyarrow]")}),
        "periods": pd.DataFrame({"p": pd.period_range("2020-01", periods=3, freq="M")}),
        "intervals": pd.DataFrame({"v": pd.interval_range(0, 3)}),
        "sparse": pd.DataFrame({"s": pd.arrays.SparseArray([0, 0, 1])}),
        "multiindex": pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", "n"])),
        "date_index": pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020-01-01", periods=2, freq="D")),
        "month_index": pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020-01-01", periods=2, freq="ME")),
        "business_index": pd.DataFrame({"a": [1, 2]}, index=pd.bdate_range("2020-01-01", periods=2)),
        "period_index": pd.DataFrame({"a": [1, 2]}, index=pd.period_range("2020", periods=2, freq="Q")),
        "timedelta_index": pd.Series([1, 2], index=pd.to_timedelta([1, 2], unit="s")),
        "categorical_index": pd.Series([1, 2], index=pd.CategoricalIndex(["a", "b"])),
        "interval_index": pd.Series([1, 2], index=pd.interval_range(0, 2)),
        "column_levels": pd.DataFrame(np.eye(2), columns=pd.MultiIndex.from_product([["a"], ["x", "y"]])),
        "series": pd.Series([1.0, 2.0], name="n"),
        "empty": pd.DataFrame({"a": pd.Series([], dtype="int64")}),
        "index": pd.Index(["a", "b"]),
        "timestamp": [pd.Timestamp("2020-01-01", tz="UTC"), pd.Timedelta("1D"), pd.Period("2020-01"), pd.Interval(0, 1), pd.NaT, pd.NA],
        "grouper_free": {"a": pd.Series(range(3)).astype("category")},
        "attributes": pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    }


def values() -> dict[str, Any]:
    generator = np.random.default_rng(1)
    masked = np.ma.masked_array([1, 2, 3], mask=[0, 1, 0])
    return {
        "dictionary": {"a": [1, 2.5, None, True, b"x", (1,), {1}, frozenset({2}), complex(1, 2), bytearray(b"q"), range(3), slice(1, 2), Ellipsis]},
        "times": [datetime.date(2020, 1, 1), datetime.datetime.now(datetime.UTC), datetime.timedelta(1), datetime.time(1), datetime.UTC],
        "decimals": [decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.UUID(int=1)],
        "collections": [collections.OrderedDict(a=1), collections.Counter("aab"), collections.deque([1]), collections.defaultdict(list, a=[1])],
        "paths": [pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("a"), pathlib.Path("a")],
        "namespace": argparse.Namespace(lr=0.1),
        "types": [int, str, list, dict, np.float32, np.dtype("M8[ns]"), object],
        "numpy_scalars": [np.float64(1), np.int8(1), np.bool_(True), np.str_("a"), np.datetime64("2020"), np.complex64(1)],
        "arrays": [np.arange(6).reshape(2, 3), np.asfortranarray(np.eye(3)), np.array(["a", "b"]), np.zeros(2, [("x", "i4"), ("y", "f8")]), np.array(1.0)],
        "big_endian": np.arange(3, dtype=">i4"),
        "object_array": np.array([1, "a", None, [1]], dtype=object),
        "record_array": np.rec.array([(1, "a")], names="n,s"),
        "masked": masked,
        "matrix": np.matrix([[1, 2]]),
        "string_dtype": np.array(["a", "bb"], dtype=np.dtypes.StringDType()),
        "random_state": np.random.RandomState(0),
        "generator": [generator, np.random.Generator(np.random.Philox(1))],
        "seed": np.random.SeedSequence(3),
        "sparse_csr": sp.csr_matrix(np.eye(3)),
        "sparse_all": [kind(np.eye(3)) for kind in (sp.csc_matrix, sp.coo_matrix, sp.bsr_matrix, sp.dia_matrix, sp.lil_matrix, sp.dok_matrix)],
        "sparse_arrays": [kind(np.eye(3)) for kind in (sp.csr_array, sp.csc_array, sp.coo_array, sp.bsr_array, sp.dia_array, sp.lil_array, sp.dok_array)],
    }


def torch_objects() -> dict[str, Any]:
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 4), nn.Dropout(0.1), nn.LayerNorm(4), nn.GELU()
    )
    optimizer = torch.optim.Adam(model.parameters())
    sparse = torch.eye(3).to_sparse()
    parameter = nn.Parameter(torch.ones(2))
    return {
        "state_dict": model.state_dict(),
        "module": model,
        "checkpoint": {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "epoch": 3,
            "args": argparse.Namespace(lr=0.1),
            "rng": torch.get_rng_state(),
        },
        "dtypes": {
            name: torch.zeros(2, dtype=getattr(torch, name)) for name in ("float16", "bfloat16", "float64", "int8", "uint8", "int64", "bool", "complex64")
        },
        "new_dtypes": {name: torch.zeros(2, dtype=getattr(torch, name)) for name in ("float8_e4m3fn", "uint16", "uint32", "uint64")},
        "named": [torch.float32, torch.Size([1, 2]), torch.device("cpu"), torch.int8],
        "lstm": nn.LSTM(2, 3),
        "transformer": nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 1),
        "transformer_gelu": nn.TransformerEncoderLayer(4, 2, 8, activation="gelu"),
        "attention": nn.MultiheadAttention(4, 2),
        "module_list": nn.ModuleList([nn.Linear(1, 1)]),
        "module_dict": nn.ModuleDict({"a": nn.Embedding(2, 2)}),
        "parameters": [parameter, nn.ParameterList([parameter]), nn.ParameterDict({"a": parameter})],
        "sparse": sparse,
        "strided": torch.arange(6).reshape(2, 3).t(),
        "storage": torch.arange(3).untyped_storage(),
        "loss": [nn.CrossEntropyLoss(), nn.MSELoss(), nn.BCEWithLogitsLoss(), nn.HuberLoss()],
        "with_numpy": {"mean": np.float64(1.5), "array": np.arange(3)},
    }
