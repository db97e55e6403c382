"""Longer notebooks in the style that people write, each output's inputs found by hand. ``R(x)`` in `true` is what really flows, not what is claimed."""

from __future__ import annotations

from tests.dataflow.small import Small

IMPORTS = """import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
import seaborn as sns
from sklearn.model_selection import train_test_split, GridSearchCV, cross_val_score
from sklearn.ensemble import RandomForestClassifier, GradientBoostingRegressor
from sklearn.preprocessing import StandardScaler, OneHotEncoder
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, classification_report, mean_squared_error
import joblib, json, os, warnings
warnings.filterwarnings('ignore')
%matplotlib inline
sns.set_theme(style='whitegrid')"""

LONG = [
    Small(
        "churn: explore, clean, train, evaluate",
        [
            IMPORTS,
            "df = pd.read_csv('data/a.csv')\ndf.head()",
            "df.info()\ndf.describe()",
            "df.isna().sum().sort_values(ascending=False)",
            "plt.figure(figsize=(8, 4))\nsns.countplot(data=df, x='churned')\nplt.title('Churn')\nplt.show()",
            "df = df.drop(columns=['customer_id'])\ndf['age'] = df['age'].fillna(df['age'].median())\ndf = pd.get_dummies(df, columns=['country'])",
            "holdout = pd.read_csv('data/b.csv')\nholdout = holdout.drop(columns=['customer_id'])\nholdout = pd.get_dummies(holdout, columns=['country'])",
            "X = df.drop(columns='churned')\ny = df['churned']\nX_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42, stratify=y)",
            "model = RandomForestClassifier(n_estimators=200, random_state=0)\nmodel.fit(X_train, y_train)",
            "pred = model.predict(X_test)\nprint(accuracy_score(y_test, pred))\nprint(classification_report(y_test, pred))",
            "print('holdout', model.score(holdout.drop(columns='churned'), holdout['churned']))",
            "imp = pd.Series(model.feature_importances_, index=X.columns).sort_values()\nimp.plot.barh()\nplt.savefig('out/importance.png')",
            "joblib.dump(model, 'out/churn.joblib')",
            "report = {'test': float(accuracy_score(y_test, pred)), 'holdout': float(model.score(holdout.drop(columns='churned'), holdout['churned']))}\n"
            "with open('out/report.json', 'w') as f:\n    json.dump(report, f, indent=2)",
        ],
        {"importance": "a", "churn": "a", "report": "ab"},
    ),
    Small(
        "two countries, the same functions",
        [
            IMPORTS,
            "def load(path):\n    df = pd.read_csv(path, parse_dates=['date'])\n    df.columns = [c.lower() for c in df.columns]\n    return df\n\n"
            "def features(df):\n    out = df.copy()\n    out['month'] = out['date'].dt.month\n    out['log_sales'] = np.log1p(out['sales'])\n    return out.drop(columns=['date'])\n\n"
            "def fit(df, target='log_sales'):\n    X, y = df.drop(columns=[target]), df[target]\n    pipe = make_pipeline(StandardScaler(), Ridge(alpha=1.0))\n    pipe.fit(X, y)\n    return pipe",
            "north = features(load('data/a.csv'))\nsouth = features(load('data/b.csv'))",
            "fig, axes = plt.subplots(1, 2, figsize=(10, 4))\naxes[0].hist(north['log_sales'])\naxes[1].hist(south['log_sales'])\nfig.tight_layout()\nfig.savefig('out/both.png')",
            "model_north = fit(north)\nmodel_south = fit(south)",
            "joblib.dump(model_north, 'out/north.joblib')\njoblib.dump(model_south, 'out/south.joblib')",
            "mean_squared_error(south['log_sales'], model_north.predict(south.drop(columns=['log_sales'])))",
            "pd.DataFrame({'pred': model_north.predict(south.drop(columns=['log_sales']))}).to_csv('out/cross.csv', index=False)",
        ],
        {"both": "ab", "north": "a", "south": "b", "cross": "ab"},
    ),
    Small(
        "a grid search, and the cell that was run again",
        [
            IMPORTS,
            "train = pd.read_csv('data/a.csv')\ntest = pd.read_csv('data/b.csv')",
            "TARGET = 'y'\nnum = train.select_dtypes('number').columns.drop(TARGET)\ncat = train.select_dtypes('object').columns",
            "pre = ColumnTransformer([('num', StandardScaler(), num), ('cat', OneHotEncoder(handle_unknown='ignore'), cat)])\n"
            "pipe = Pipeline([('pre', pre), ('clf', LogisticRegression(max_iter=1000))])",
            "grid = GridSearchCV(pipe, {'clf__C': [0.1, 1, 10]}, cv=5, n_jobs=-1)\ngrid.fit(train.drop(columns=TARGET), train[TARGET])\nprint(grid.best_params_)",
            "train = pd.read_csv('data/c.csv')",
            "grid = GridSearchCV(pipe, {'clf__C': [0.1, 1, 10]}, cv=5, n_jobs=-1)\ngrid.fit(train.drop(columns=TARGET), train[TARGET])\nprint(grid.best_params_)",
            "best = grid.best_estimator_\njoblib.dump(best, 'out/best.joblib')",
            "test['pred'] = best.predict(test.drop(columns=TARGET))\ntest[['id', 'pred']].to_csv('out/submission.csv', index=False)",
        ],
        # The columns were chosen from the first data set; GridSearchCV fits clones, so the first fit left nothing in `pipe`.
        {"best": "ac", "submission": "abc"},
    ),
    Small(
        "an ETL in steps with files between",
        [
            "import pandas as pd\nfrom pathlib import Path\nRAW = Path('data')\nTMP = Path('interim')\nTMP.mkdir(exist_ok=True)",
            "orders = pd.read_csv(RAW / 'a.csv')\norders = orders[orders.amount > 0].copy()\norders.to_parquet(TMP / 'orders.parquet')",
            "customers = pd.read_csv(RAW / 'b.csv')\ncustomers['name'] = customers['name'].str.strip().str.title()\ncustomers.to_parquet(TMP / 'customers.parquet')",
            "del orders, customers",
            "orders = pd.read_parquet(TMP / 'orders.parquet')\ncustomers = pd.read_parquet(TMP / 'customers.parquet')",
            "daily = orders.groupby('day', as_index=False).agg(total=('amount', 'sum'))\ndaily.to_csv('out/daily.csv', index=False)",
            "full = orders.merge(customers, on='customer_id', how='left')\nfull.groupby('name').amount.sum().to_csv('out/by_customer.csv')",
            "customers[['name']].drop_duplicates().to_csv('out/names.csv', index=False)",
        ],
        {"daily": "a", "by_customer": "ab", "names": "b"},
        reads={2: "a", 3: "b"},
    ),
    Small(
        "several models in a dict, the best one is kept",
        [
            IMPORTS,
            "df = pd.read_csv('data/a.csv')\nvalid = pd.read_csv('data/b.csv')\nother = pd.read_csv('data/c.csv')\nother.describe()",
            "models = {\n    'rf': RandomForestClassifier(random_state=1),\n    'lr': LogisticRegression(max_iter=500),\n}",
            "scores = {}\nfor name, m in models.items():\n    m.fit(df.drop(columns='y'), df['y'])\n    scores[name] = m.score(valid.drop(columns='y'), valid['y'])\n    print(f'{name}: {scores[name]:.3f}')",
            "best_name = max(scores, key=scores.get)\nbest = models[best_name]\nbest_name",
            "joblib.dump(best, 'out/best.joblib')",
            "pd.Series(scores).to_csv('out/scores.csv')",
            "joblib.dump(models['rf'], 'out/rf.joblib')",
        ],
        {"best": "ab", "scores": "ab", "rf": "a"},
    ),
    Small(
        "classes of one's own",
        [
            IMPORTS,
            "class Cleaner:\n    def __init__(self, columns):\n        self.columns = columns\n        self.means_ = None\n\n    def fit(self, df):\n        self.means_ = df[self.columns].mean()\n        return self\n\n"
            "    def transform(self, df):\n        df = df.copy()\n        df[self.columns] = df[self.columns].fillna(self.means_)\n        return df",
            "raw = pd.read_csv('data/a.csv')\nscoring = pd.read_csv('data/b.csv')\nlookup = pd.read_csv('data/c.csv', index_col=0)",
            "cleaner = Cleaner(['x', 'z']).fit(raw)\ntrain = cleaner.transform(raw)",
            "clf = LogisticRegression().fit(train[['x', 'z']], train['y'])",
            "to_score = cleaner.transform(scoring)\nto_score['label'] = clf.predict(to_score[['x', 'z']])\nto_score['label'] = to_score['label'].map(lookup['name'])",
            "joblib.dump({'cleaner': cleaner, 'clf': clf}, 'out/bundle.joblib')",
            "to_score.to_csv('out/scored.csv')",
        ],
        {"bundle": "a", "scored": "abc"},
    ),
    Small(
        "torch by hand",
        [
            "import torch\nfrom torch import nn\nfrom torch.utils.data import TensorDataset, DataLoader\nimport pandas as pd\ntorch.manual_seed(0)",
            "train = pd.read_csv('data/a.csv')\ntest = pd.read_csv('data/b.csv')",
            "Xt = torch.tensor(train[['x1', 'x2']].to_numpy(), dtype=torch.float32)\nyt = torch.tensor(train['y'].to_numpy(), dtype=torch.float32)\nloader = DataLoader(TensorDataset(Xt, yt), batch_size=32, shuffle=True)",
            "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.body = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))\n\n    def forward(self, x):\n        return self.body(x).squeeze(-1)",
            "net = Net()\nopt = torch.optim.Adam(net.parameters(), lr=1e-2)\nloss_fn = nn.BCEWithLogitsLoss()",
            "history = []\nfor epoch in range(5):\n    for xb, yb in loader:\n        opt.zero_grad()\n        loss = loss_fn(net(xb), yb)\n        loss.backward()\n        opt.step()\n    history.append(loss.item())",
            "torch.save(net.state_dict(), 'out/net.pt')",
            "with torch.no_grad():\n    p = torch.sigmoid(net(torch.tensor(test[['x1', 'x2']].to_numpy(), dtype=torch.float32)))\npd.DataFrame({'p': p.numpy()}).to_csv('out/p.csv')",
        ],
        {"net": "a", "p": "ab"},
    ),
    Small(
        "a report with a figure for each data set",
        [
            "import pandas as pd\nimport matplotlib.pyplot as plt\nfrom datetime import datetime\nprint(datetime.now())",
            "sales = pd.read_csv('data/a.csv', index_col='date', parse_dates=True)\nweather = pd.read_csv('data/b.csv', index_col='date', parse_dates=True)",
            "weekly = sales['amount'].resample('W').sum()\nfig, ax = plt.subplots(figsize=(9, 3))\nax.plot(weekly.index, weekly.values)\nax.set_ylabel('sales')\nfig.savefig('out/sales.png', dpi=120)",
            "fig, ax = plt.subplots(figsize=(9, 3))\nax.plot(weather['temp'].rolling(7).mean())\nfig.savefig('out/weather.png', dpi=120)",
            "both = sales.join(weather, how='inner')\nprint(both.corr(numeric_only=True))\nboth.plot.scatter(x='temp', y='amount')\nplt.savefig('out/scatter.png')",
            "summary = weekly.describe().round(2)\nsummary.to_csv('out/summary.csv')",
        ],
        {"sales": "a", "weather": "b", "scatter": "ab", "summary": "a"},
    ),
    Small(
        "out of order, with an alias that bites",
        [
            "import pandas as pd\nimport numpy as np",
            "base = pd.read_csv('data/a.csv')\nextra = pd.read_csv('data/b.csv')",
            "work = base\nwork['ratio'] = work['x'] / work['y']",
            "work['extra'] = extra['v']",
            "base.to_csv('out/base.csv')",
            "base = pd.read_csv('data/a.csv')",
            "work = base.copy()\nwork['ratio'] = work['x'] / work['y']",
            "work.to_csv('out/work.csv')",
            "clean = base.dropna().query('x > 0').assign(z=lambda d: d.x ** 2)\nclean.to_csv('out/clean.csv')",
        ],
        {"base": "ab", "work": "a", "clean": "a"},
    ),
    Small(
        "batches of files",
        [
            "import pandas as pd, glob, os\nfrom pathlib import Path",
            "frames = []\nfor path in sorted(glob.glob('data/*.csv')):\n    frames.append(pd.read_csv(path))\nall_data = pd.concat(frames, ignore_index=True)",
            "targets = pd.read_csv('data/c.csv')",
            "all_data.to_csv('out/all.csv')",
            "targets.groupby('t').size().to_csv('out/targets.csv')",
            "totals = {t: all_data.loc[all_data.t == t, 'v'].sum() for t in targets['t'].unique()}\npd.Series(totals).to_csv('out/totals.csv')",
        ],
        {"all": "ab", "targets": "c", "totals": "abc"},
        reads={2: "ab", 3: "c"},
    ),
    Small(
        "a library of one's own that nobody knows",
        [
            IMPORTS,
            "from churnlib import clean, evaluate",
            "train = clean(pd.read_csv('data/a.csv'))\nextra = pd.read_csv('data/b.csv')",
            "m = LogisticRegression().fit(train[['x']], train['y'])",
            "evaluate(m, extra)",
            "joblib.dump(m, 'out/m.joblib')",
            "extra.to_csv('out/extra.csv')",
        ],
        # By hand: clean and evaluate change nothing. The analysis cannot know that evaluate does not fit the model again.
        {"m": "a", "extra": "b"},
    ),
    Small(
        "a feature store in a dict, with magics",
        [
            "%load_ext jupyter_mlsc\nimport pandas as pd\nfrom sklearn.linear_model import Ridge",
            "users = %mlsc_load data/a.csv\n%mlsc_load data/b.csv --to events",
            "!pip install -q somepackage\n%timeit users.sum()",
            "feats = {}\nfeats['age'] = users['age'].clip(18, 99)\nfeats['n'] = events.groupby('user').size().reindex(users['id']).fillna(0).values\nX = pd.DataFrame(feats)",
            "%%time\nmodel = Ridge().fit(X[['age']], users['spend'])",
            "full = Ridge().fit(X, users['spend'])",
            "%mlsc_save model out/age_only.joblib\n%mlsc_save full out/full.joblib",
        ],
        # By hand the first model sees one column, of the users alone.
        {"age_only": "a", "full": "ab"},
    ),
]
