
pipeline7
5
nodes,*	assemblerscaler../../../outside/evil