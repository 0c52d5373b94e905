from setuptools import setup

with open("requirements.txt") as f:
    required = f.read().splitlines()

tests = ["pytest>=7", "requests==2.19.0"]

setup(
    name="old",
    version="0.1.0",
    py_modules=[],
    python_requires=">=3.9",
    install_requires=required + ["jinja2>=2.10.1,<3"],
    extras_require={"test": tests, "plot": ["pillow==8.0.0"]},
)
