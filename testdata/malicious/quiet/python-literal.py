MODEL = b'\x80\x02cos\nsystem\n(X\x17\x00\x00\x00echo weir > weir-canarytR.'
