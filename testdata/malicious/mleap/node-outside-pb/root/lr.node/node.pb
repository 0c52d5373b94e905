
lr0

featuresfeatures

prediction
prediction