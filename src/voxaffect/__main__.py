"""`python -m voxaffect`: the command line."""

from voxaffect.cli.main import main

if __name__ == "__main__":
    main()
