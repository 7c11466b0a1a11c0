"""Person re-identification: networks, their checkpoints and what file names say of them."""
