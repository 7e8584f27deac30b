"""Mixed Distillation: makes a checkpoint from a teacher's rationales."""
