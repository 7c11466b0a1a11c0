from lookalike.encoders.families.torchvision import torchvision

torchvision()  # timm and open_clip import torchvision, which may lack its compiled operators
