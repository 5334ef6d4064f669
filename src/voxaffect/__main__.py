"""`python -m voxaffect`: the command line."""

from voxaffect.cli import main

if __name__ == "__main__":
    main()
