"""Mixed Distillation (arXiv 2312.10730): from a teacher's rationales to a checkpoint that the service serves."""
