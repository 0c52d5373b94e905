
pipeline

nodesscalergbt