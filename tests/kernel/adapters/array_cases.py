"""What Python opens itself, arrays, containers of arrays, images, pickles."""

from __future__ import annotations

from cases import Case, case

ARRAY = "import numpy as np; array = np.arange(6.0).reshape(2, 3); "
PYTHON = (
    case("words.txt", "f = open(p, 'w'); f.write('one'); f.close()", "f = open(p); result = f.read(); f.close()"),
    case("plain", "with open(p, 'xb') as f: f.write(b'one')", "with open(p, 'rb') as f: result = f.read()", label="no suffix"),
    case("words.txt", "from pathlib import Path; Path(p).write_text('one')", "from pathlib import Path; result = Path(p).read_text()", label="pathlib"),
    case(
        "words.txt",
        "import os; n = os.open(p, os.O_CREAT | os.O_WRONLY); os.write(n, b'one'); os.close(n)",
        "import os; n = os.open(p, os.O_RDONLY); result = os.read(n, 9); os.close(n)",
        label="os.open",
    ),
    case(
        "words.txt.gz",
        "import gzip\nwith gzip.open(p, 'wt') as f: f.write('one')",
        "import gzip\nwith gzip.open(p, 'rt') as f: result = f.read()",
        label="gzip",
    ),
    case(
        "words.zip",
        "import zipfile\nwith zipfile.ZipFile(p, 'w') as z: z.writestr('a.txt', 'one')",
        "import zipfile\nwith zipfile.ZipFile(p) as z: result = z.read('a.txt')",
        label="zipfile",
    ),
    case(
        "words.tar.gz",
        "import io, tarfile\nwith tarfile.open(p, 'w:gz') as t: t.addfile(tarfile.TarInfo('a.txt'), io.BytesIO(b''))",
        "import tarfile\nwith tarfile.open(p) as t: result = t.getnames()",
        label="tarfile",
    ),
    case(
        "table.db",
        "import sqlite3; c = sqlite3.connect(p); c.execute('create table t(a)'); c.execute('insert into t values (7)'); c.commit(); c.close()",
        "import sqlite3; c = sqlite3.connect(p); result = c.execute('select a from t').fetchall(); c.close()",
        label="sqlite3",
    ),
    case(
        "object.pkl",
        "import pickle\nwith open(p, 'wb') as f: pickle.dump({'a': [1]}, f)",
        "import pickle\nwith open(p, 'rb') as f: result = pickle.load(f)",
        label="pickle",
    ),
    case(
        "words.txt",
        "import tempfile, os\nwith tempfile.NamedTemporaryFile('w', dir=os.path.dirname(p), delete=False) as f: f.write('one')\nos.replace(f.name, p)",
        "result = open(p).read()",
        label="temporary file and rename",
    ),
    case(
        "words.txt",
        "import tempfile, shutil\nwith tempfile.NamedTemporaryFile('w', delete=False) as f: f.write('one')\nshutil.move(f.name, p)",
        "result = open(p).read()",
        label="temporary file elsewhere and move",
    ),
    case(
        "words.txt",
        "import tempfile, shutil\nwith tempfile.NamedTemporaryFile('w') as f: f.write('one'); f.flush(); shutil.copy(f.name, p)",
        "import shutil, tempfile, os; t = tempfile.mkdtemp(); shutil.copy2(p, t); result = open(os.path.join(t, os.path.basename(p))).read()",
        label="shutil.copy",
    ),
)

NUMPY = (
    case("array.npy", f"{ARRAY}np.save(p, array)", "import numpy as np; result = np.load(p).tolist()", "numpy"),
    case("array.npz", f"{ARRAY}np.savez(p, a=array)", "import numpy as np; result = np.load(p)['a'].tolist()", "numpy"),
    case(
        "objects.npy",
        f"{ARRAY}np.save(p, np.array(['a', 1], dtype=object))",
        "import numpy as np; result = np.load(p, allow_pickle=True).tolist()",
        "numpy",
        label="objects",
    ),
    case("array.txt", f"{ARRAY}np.savetxt(p, array)", "import numpy as np; result = np.loadtxt(p).tolist()", "numpy"),
    case("array.bin", f"{ARRAY}array.tofile(p)", "import numpy as np; result = np.fromfile(p).tolist()", "numpy", label="fromfile"),
    case(
        "mapped.bin",
        f"{ARRAY}m = np.memmap(p, mode='w+', shape=6); m[:] = 1; m.flush(); del m",
        "import numpy as np; result = np.memmap(p, mode='r').tolist()",
        "numpy",
        label="memmap",
    ),
    case("mapped.npy", f"{ARRAY}np.save(p, array)", "import numpy as np; result = np.load(p, mmap_mode='r').tolist()", "numpy", label="load mmap_mode"),
)

CONTAINERS = (
    case("a.h5", "import h5py\nwith h5py.File(p, 'w') as f: f['a'] = [1, 2]", "import h5py\nwith h5py.File(p) as f: result = f['a'][:].tolist()", "h5py"),
    case(
        "a.h5",
        "import h5py\nwith h5py.File(p, mode='a') as f: f['a'] = [1, 2]",
        "import h5py\nwith h5py.File(name=p, mode='r+') as f: result = f['a'][:].tolist()",
        "h5py",
        label="append",
    ),
    case(
        "a.nc",
        "import netCDF4\nd = netCDF4.Dataset(p, 'w'); d.createDimension('x', 2); v = d.createVariable('v', 'f8', ('x',)); v[:] = [1, 2]; d.close()",
        "import netCDF4\nd = netCDF4.Dataset(p); result = d['v'][:].tolist(); d.close()",
        "netCDF4",
    ),
    case(
        "a.h5",
        "import tables\nf = tables.open_file(p, 'w'); f.create_array('/', 'a', [1, 2]); f.close()",
        "import tables\nf = tables.open_file(p); result = f.root.a.read(); f.close()",
        "tables",
    ),
    case("a.mat", "import scipy.io; scipy.io.savemat(p, {'a': [[1, 2]]})", "import scipy.io; result = scipy.io.loadmat(p)['a'].tolist()", "scipy"),
    case(
        "a.wav",
        "import numpy as np, scipy.io.wavfile as w; w.write(p, 8000, np.arange(9, dtype='int16'))",
        "import scipy.io.wavfile as w; result = w.read(p)[1].tolist()",
        "scipy",
    ),
    case("a.mtx", "import numpy as np, scipy.io; scipy.io.mmwrite(p, np.eye(2))", "import scipy.io; result = scipy.io.mmread(p).tolist()", "scipy"),
    case(
        "a.nc",
        "import scipy.io; f = scipy.io.netcdf_file(p, 'w'); f.createDimension('x', 2); v = f.createVariable('v', 'f8', ('x',)); v[:] = [1, 2]; f.close()",
        "import scipy.io; f = scipy.io.netcdf_file(p, mmap=False); result = f.variables['v'][:].tolist(); f.close()",
        "scipy",
    ),
    case(
        "words.txt",
        "import fsspec, os\nwith fsspec.open('file://' + os.path.abspath(p), 'w') as f: f.write('one')",
        "import fsspec, os\nwith fsspec.open('file://' + os.path.abspath(p), 'r') as f: result = f.read()",
        "fsspec",
    ),
    case(
        "a.npz",
        "import numpy as np, scipy.sparse as s; s.save_npz(p, s.csr_matrix(np.eye(2)))",
        "import scipy.sparse as s; result = s.load_npz(p).toarray().tolist()",
        "scipy",
        label="sparse",
    ),
)

IMAGES = (
    case("a.png", "from PIL import Image; Image.new('L', (2, 2), 7).save(p)", "from PIL import Image; result = Image.open(p).tobytes()", "PIL"),
    case(
        "a.png",
        "import imageio.v3 as iio, numpy as np; iio.imwrite(p, np.full((4, 4), 7, 'uint8'))",
        "import imageio.v3 as iio; result = iio.imread(p).tolist()",
        "imageio",
    ),
)

PICKLES = (
    case("o.joblib", "import joblib; joblib.dump({'a': [1]}, p)", "import joblib; result = joblib.load(p)", "joblib"),
    case(
        "o.joblib",
        "import joblib, numpy as np; joblib.dump(np.arange(3.0), p)",
        "import joblib; result = joblib.load(p, mmap_mode='r').tolist()",
        "joblib",
        label="mapped",
    ),
    case("o.pkl", "import dill\nwith open(p, 'wb') as f: dill.dump({'a': [1]}, f)", "import dill\nwith open(p, 'rb') as f: result = dill.load(f)", "dill"),
    case(
        "o.pkl",
        "import cloudpickle\nwith open(p, 'wb') as f: cloudpickle.dump({'a': [1]}, f)",
        "import cloudpickle\nwith open(p, 'rb') as f: result = cloudpickle.load(f)",
        "cloudpickle",
    ),
    case(
        "m.skops",
        "import skops.io, numpy as np; from sklearn.linear_model import LinearRegression; skops.io.dump(LinearRegression().fit([[0], [1]], [0, 1]), p)",
        "import skops.io; result = round(float(skops.io.load(p).coef_[0]), 6)",
        "skops",
        "sklearn",
    ),
)


CASES: tuple[Case, ...] = (*PYTHON, *NUMPY, *CONTAINERS, *IMAGES, *PICKLES)
