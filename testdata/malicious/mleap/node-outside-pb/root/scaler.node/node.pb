
scaler%

inputfeatures
outputscaled