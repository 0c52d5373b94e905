
pipeline

nodespreparefit