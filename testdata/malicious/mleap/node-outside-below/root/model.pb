
pipeline<
:
nodes1/	assemblerscalerx/../../../../outside/evil