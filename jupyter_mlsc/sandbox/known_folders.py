"""What well-known names in a home folder are: a table, read by `survey`. A name that is not here is read and not written, like the rest of a home."""

from __future__ import annotations

from jupyter_mlsc.sandbox.places import Region

_IN_HOME = {
    Region.FREE: """
        .cache .npm .conda/pkgs .cargo/registry .rustup .julia
    """,
    # What programs keep for themselves, and nothing runs.
    Region.WRITABLE: """
        .config/matplotlib .matplotlib .keras .nltk_data nltk_data scikit_learn_data .triton .nv .dask
        .local/share/jupyter/nbsignatures.db
    """,
    # What is run or obeyed when a shell, an editor, a desktop or a kernel starts.
    Region.READ_ONLY: """
        .bashrc .bash_profile .bash_login .bash_logout .profile .zshrc .zshenv .zprofile .zlogin .inputrc .vimrc .vim .emacs .emacs.d
        .tmux.conf .pythonrc .pdbrc .condarc .config .local/share/jupyter/kernels .local/share/jupyter/labextensions .local/share/systemd
        .local/share/applications .jupyter .ipython .gitconfig .git-templates .pam_environment .xsessionrc .xprofile .forward .mlsc
    """,
    # What opens something else: keys, tokens, browsers.
    Region.HIDDEN: """
        .ssh .aws .azure .kube .docker .gnupg .netrc _netrc .git-credentials .pypirc .npmrc .config/gcloud .config/gh
        .config/git/credentials .config/rclone .config/op .config/google-chrome .config/chromium .local/share/keyrings
        .huggingface/token .cache/huggingface/token .password-store .mozilla
    """,
}


def in_home(region: Region) -> list[str]:
    """Names below a home folder that belong to a region."""
    return _IN_HOME[region].split()
