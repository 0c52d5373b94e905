
one_hot_encoderI

category_sizes

handle_invalid	
error

	drop_last
