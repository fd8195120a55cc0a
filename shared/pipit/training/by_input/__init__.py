"""What all tasks of sounds, of pictures, of faces share on the trainer's side: readers, features, variations."""
