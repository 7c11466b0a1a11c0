"""Programs that train what the package ships; they are not part of the package."""
