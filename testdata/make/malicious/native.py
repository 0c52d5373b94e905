"""A shared library (x86-64 Linux, 1.6 kB) whose constructor makes weir-canary: native.c, compiled once.

It was made by: gcc -shared -fPIC -Os -nostdlib -fno-asynchronous-unwind-tables -fcf-protection=none
-Wl,--build-id=none,-z,noseparate-code,-z,norelro,--hash-style=gnu,-s native.c. Kept here so that the fixtures do not change with the compiler.
"""
import base64
import zlib

SO = zlib.decompress(base64.b64decode(
    "eNqtVEtLI0EQrp74Wl18gaCokMuyitgxQUEWXFx85bCXZS8eBO0krRlwJjBp0Zw8e/BfLPgXxIMs7GHzR/a8JwUvak9SFXsKQ1QsmPn6q+6q6qrq7tON75ue"
    "EECSgq/wxABWEbdTrm4Zuuz/Iww01nZDe/ktkgjDTYhpjzs/ksQ+kUSy89Cujvr6SBJbmyd7pD/+mVIPvFyGHTfCcftaaeWD/AQdXcaJXH+zv6tfVpU/X5mw"
    "46Hu/PnSlB3kz/5exWW9FA3tn2PtR/NFFaqoBvG4H5i/CRZvEpJxb+4fKjGmcT31bBs51WYVeT8r5wDiOGIv4h6rM81/YPzuoRn/rXXsJFtra1/SM+u64Ksw"
    "nc3JnFyYzy7OlXQhmzvKzqIKQFbLVRMZVQB5EB7JsqqWQZZqYbUWNNFEICN9qGIC0ugTY3mlpIwCqcu7+5EKNEg/9M2uiiJVa1ipwC+CLFaCQIfmXfKJ631r"
    "a+Yhp74RTsHTfXDrTzKGPjzWV8Lx1n1v9oT3bxrnPHZOCHkfOf9kvy7Hns7JHovP90/6jPNGuOecMNMh/hLqcsgvRBJH29gTruDYa/eOMeH137LfINYw8b6J"
    "59f3MfyJuZN9651jG00xO3q3dnDJAotTx4Q+d8hfOL5d+Y/2ukP9HwHIcGTW"))
