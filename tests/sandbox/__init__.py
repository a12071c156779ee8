"""The look-alikes are as strict as they claim."""
